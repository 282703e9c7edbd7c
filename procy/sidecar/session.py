"""One recorded session: every source of it read, in order, and put into the outbox as rows."""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from procy.capture import attach, tap
from procy.capture.process import cwd_of
from procy.capture.records import DAMAGED
from procy.capture.spool import Spool
from procy.capture.tmux import Pane
from procy.parse.redact import mask
from procy.parse.terminal import TerminalReader
from procy.plugins import profile_named
from procy.recording.foreground import is_known, is_shell
from procy.recording.rebuild import fill_keyframes, tell_untold
from procy.recording.replay import SPOOL_DAMAGED, last_text, replay, tell
from procy.recording.timeline import load_timeline
from procy.recording.turnbook import TurnBook
from procy.recording.wire import Calls
from procy.settings import Settings
from procy.sidecar.agent import AgentWatch
from procy.sidecar.board import Shown
from procy.sidecar.border import Border
from procy.sidecar.changes import Changes
from procy.sidecar.conversations import LAST_WORDS_NS, Conversations
from procy.sidecar.feed import StatusFeed
from procy.sidecar.hooks import HookInbox
from procy.sidecar.keyframes import Keyframes
from procy.sidecar.outbox import Outbox
from procy.sidecar.rows import Rows
from procy.sidecar.state import StateWatch
from procy.sidecar.terminal import Notice, Terminal, load_durable
from procy.store.db import iso
from procy.store.read import last_hooks
from procy.store.resumable import Place
from procy.types import PaneEvent, Picture, Read

READ_BYTES = 1 << 20  # per tick: what comes faster waits in the spool instead of competing with what makes it
QUIET_CUT_NS = 30_000_000_000  # after so long without output, what is left becomes a block
WRITTEN_NS = 100_000_000  # after its stamp a read is written down, at the latest: before then nobody knows that it is quiet
TAP_ENDS_NS = 5_000_000_000  # a tap whose pipe was closed writes down what it has and ends
DOUBT_NS = 10_000_000_000  # an agent whose title says that it is ready may write its answer down so much later
LOOK_NS = 400_000_000  # how often an agent is asked for its transcripts, and the gateway's calls are looked at
CALLS = 20  # that are read at once: a recording that is taken up again may have many


class Follower:
    """Follows one spool until it is finished. ``tick`` reads what is new; the sidecar sends the outbox."""

    def __init__(
        self, connection: sqlite3.Connection, outbox: Outbox, spool: Spool, settings: Settings, changes: Changes
    ) -> None:
        self.connection, self.outbox, self.spool, self.settings = connection, outbox, spool, settings
        self.changes = changes
        self.meta = spool.meta()
        self.id = self.meta.session_id
        self.rows = Rows(outbox, self.id, settings)
        self.border = Border(self.id)
        self.place: Place | None = None
        durable = load_durable(connection, self.id)
        self.terminal = Terminal(spool, durable, redact=settings.raw == "redact")
        self.timeline = load_timeline(connection, self.id)
        self.reader = TerminalReader(durable.picture)
        self.agent = AgentWatch()
        self.state = StateWatch()
        self.book = TurnBook(self.timeline)
        self.conversations = Conversations(connection, self.border, self.rows, self.book, self.meta)
        self.calls, self.called_ns = Calls(connection, self.id), 0
        self.hooks = HookInbox(spool.hooks, self.rows, outbox, self.border)
        self.seeds_taken: set[Path] = set()
        self.keyframes = Keyframes(self.terminal, self.rows)
        self.looked_ns = 0
        self.pipe_ended_ns = 0
        self.trouble = ""  # why nothing of the pane is recorded now
        self.wants_picture = ""  # why the tap is to be attached anew
        self.later: list[PaneEvent] = []  # known already, but behind what is read
        self.feed = StatusFeed(spool.hooks)
        self.told: dict[str, Any] = {}  # by the agent about itself, as written already
        self.ending = ""  # why the session is over, once it is
        self.ending_ns = 0
        self.broke_off = False
        self.finished = False
        self.register()
        for at_ns, event, payload in last_hooks(connection, self.id):
            self.state.hook(event, payload, at_ns)
        texts = last_text(connection, self.id)
        self.later = replay(connection, self.id, self.reader, has_texts=texts)
        self.has_texts = texts if texts > self.reader.offset else 0  # up to where they are told already, behind what was replayed
        self.last_ns = self.reader.last_ns
        self.reader.changed()  # those are in the database
        self.conversations.catch_up()

    def register(self) -> None:
        """Make the session's row, or say that it goes on."""
        meta = self.meta
        values = {
            "agent": meta.agent,
            "command": mask(shlex.join(meta.command)) or None,
            "cwd": meta.cwd,
            "tmux_socket": meta.tmux_socket,
            "pane_id": meta.pane_id,
            "started_at": iso(meta.started_ns),
            "ended_at": None,
            "status": "paused" if meta.wanted == "paused" else "recording",
            **{name: value for name, value in meta.repository if value},
            **({"name": meta.name} if meta.name else {}),
            **({"parent_id": meta.parent_id} if meta.parent_id else {}),
            **({"agent_session_id": meta.agent_session_id} if meta.agent_session_id else {}),
        }
        self.rows.session(values)

    # -- every tick ---------------------------------------------------------------------------------------------------

    def tick(self, now_ns: int) -> None:
        caught_up = not self.read_terminal(now_ns)
        self.watch_agent(now_ns)
        if self.meta.wanted == "paused":
            self.conversations.skip()
        elif self.conversations.read(now_ns, bool(self.ending)) and self.ending:
            self.ending_ns = now_ns
        self.read_hooks()
        self.recall_agent(now_ns)
        self.read_calls(now_ns)
        self.write_turns(now_ns)
        self.write_texts()
        if self.meta.wanted != "paused":
            self.write_state(now_ns)
            self.write_told()
        if self.ending and caught_up and self.heard_all(now_ns):
            self.finish(now_ns)

    def glance(self, now_ns: int) -> None:
        """Only what tells the state, while the database takes no more rows: what an agent publishes, and who has the pane.

        An agent that tells its state in its transcript alone keeps the last one until rows are written again.
        """
        self.watch_agent(now_ns)
        self.read_hooks()
        if self.meta.wanted != "paused":
            self.write_state(now_ns)

    def heard_all(self, now_ns: int) -> bool:
        """Whether neither the tap nor the agent will say more. (The tap of a dead pane that tmux keeps does not end.)"""
        patience_ns = TAP_ENDS_NS if self.spool.tap_is_running() else LAST_WORDS_NS
        last_ns = self.last_ns if self.last_ns <= now_ns else 0  # the clock was set back
        return now_ns - max(self.ending_ns, last_ns) > patience_ns

    def renew_meta(self) -> None:
        """Read again what is wanted of this session; called when its file changed."""
        before, self.meta = self.meta, self.spool.meta()
        self.conversations.meta = self.meta
        if self.meta.attached_ns != before.attached_ns:
            self.pipe_ended_ns = 0
            self.agent = AgentWatch()
        if not self.ending and (self.meta.wanted != before.wanted or self.meta.pane_id != before.pane_id):
            self.register()
        if self.meta.wanted == "paused":
            self.state = StateWatch()
            self.rows.change(state=None, state_reason=None)

    def stand(self, pane: Pane) -> None:
        """Where in tmux the pane is now, written down when that is somewhere else."""
        cwd = cwd_of(self.agent.group) if self.agent.group else ""
        place = Place(pane.session, pane.window, pane.index, cwd or self.meta.cwd)
        if place != self.place:
            self.place = place
            self.rows.place(place)

    # -- terminal -----------------------------------------------------------------------------------------------------

    def read_terminal(self, now_ns: int) -> bool:
        """True when there was something."""
        read = False
        for item in self.terminal.advance(READ_BYTES):
            read = True
            if isinstance(item, Read):
                if not self.agent.looked_ns:  # who is there decides how the first bytes are read
                    self.watch_agent(now_ns)
                if not self.last_ns:  # and so does who was there
                    self.read_hooks()
                    self.recall_agent(now_ns)
                while self.later and self.later[0].offset <= item.offset:
                    tell(self.reader, self.later.pop(0))
                self.last_ns = item.time_ns
                self.timeline.add(item)
                self.border.call("reading the screen", None, self.reader.feed, item)
                if self.has_texts and item.end >= self.has_texts:
                    self.reader.texts.skip(self.reader.screen, item.end)
                    self.has_texts = 0
            else:
                self.on_notice(item, now_ns)
        self.border.call("reading the screen", None, self.reader.rest, now_ns - WRITTEN_NS)
        quiet = bool(self.terminal.reads) and now_ns - self.last_ns > QUIET_CUT_NS
        self.cut_blocks(everything=quiet)
        return read

    def cut_blocks(self, everything: bool) -> None:
        for block, cursor in self.terminal.cut(everything):
            self.rows.block(block, cursor)
            self.outbox.when_durable(partial(self.spool.prune, cursor.segment))

    def on_notice(self, notice: Notice, now_ns: int) -> None:
        if notice.kind == tap.END:
            self.pipe_ended_ns = notice.time_ns
        elif notice.kind == tap.LOST:
            self.add_event("gap", notice.time_ns, {"cause": "the disk was full", "bytes": notice.value})
            self.wants_picture = "a fresh screen after the loss"
        elif notice.kind == DAMAGED:
            self.cut_blocks(everything=True)
            self.add_event("gap", notice.time_ns, {"cause": SPOOL_DAMAGED, "bytes": notice.value})
            self.wants_picture = "a fresh screen after the loss"
        elif notice.kind == tap.START:
            self.pipe_ended_ns = 0
            for seed in attach.seeds(self.spool):
                if seed.time_ns <= notice.time_ns and seed.path not in self.seeds_taken:
                    self.go_on_from(seed)
            self.looked_ns = 0  # whose conversation this is may show on this screen only
            self.watch_agent(now_ns)

    def go_on_from(self, seed: attach.Seed) -> None:
        """A pipe was attached: begin with the picture that was taken at that moment."""
        self.seeds_taken.add(seed.path)
        self.cut_blocks(everything=True)
        self.terminal.reset(seed.picture)
        size = {"columns": seed.picture.columns, "rows": seed.picture.rows}
        kind = "gap" if seed.cause else "attach"
        detail = {"cause": seed.cause, "since_ns": self.last_ns, **size} if seed.cause else size
        self.add_event(kind, seed.time_ns, detail, seed.picture)
        self.rows.cursor(self.terminal.cursor)
        self.rows.change(**size)
        self.outbox.after(partial(seed.path.unlink, missing_ok=True))

    def add_event(self, kind: str, at_ns: int, detail: Mapping[str, Any], picture: Picture | None = None) -> None:
        """Something that happened to the pane at this place in its bytes."""
        event = PaneEvent(at_ns, self.terminal.offset, kind, detail, picture)
        tell(self.reader, event)
        self.rows.event(event)

    # -- agent --------------------------------------------------------------------------------------------------------

    def watch_agent(self, now_ns: int) -> None:
        """Notice another program in the pane, and ask the agent for its conversations."""
        if self.ending or self.meta.wanted == "off" or attach.is_under_way(self.spool, self.seeds_taken):
            return  # the last: what stands on the screen is of before
        if self.border.call("looking for the agent", False, self.agent.look, self.meta.pane_pid, now_ns):
            profile, process = self.agent.profile, self.agent.process
            shell_waits = process is not None and process.pid == self.meta.pane_pid and is_shell(process)
            detail = {
                "command": mask(" ".join(process.argv))[:500] if process else "",
                "program": os.path.basename(process.argv[0]) if process and process.argv else "",
                "agent": profile.name if profile else "",
                "shell_waits": shell_waits,
                "since_ns": self.agent.before_ns,
                "reads_turns": not (profile and profile.transcript) and not (shell_waits and self.meta.ends_with_agent),
            }
            self.add_event("foreground", now_ns, detail)
            self.state.reset(process.started_ns if process else now_ns)
            if profile and is_known(profile):
                self.rows.change(agent=profile.name)
        if now_ns - self.looked_ns > LOOK_NS and self.agent.process and self.agent.profile:
            self.looked_ns = now_ns
            self.conversations.find(self.agent.profile, self.agent.process, self.reader.shows, now_ns)

    def read_calls(self, now_ns: int) -> None:
        """Take turns from what the gateway has recorded, while no transcript tells them."""
        if now_ns - self.called_ns < LOOK_NS or self.meta.wanted == "paused" or self.conversations.followed or self.agent_tells():
            return
        self.called_ns = now_ns
        self.book.put(self.border.call("reading API calls", (), self.calls.read, CALLS))

    def recall_agent(self, now_ns: int) -> None:
        """Read what the session's agent wrote, by what its hooks told, when it had ended before it could be asked."""
        if self.agent_tells() and not self.ending:
            return
        profile = profile_named(self.meta.agent)
        new = self.conversations.remember(profile, self.hooks.take_transcripts(), now_ns)
        if new and not self.last_ns and self.meta.command:
            command = self.meta.command
            detail = {"command": mask(" ".join(command))[:500], "program": os.path.basename(command[0]), "agent": profile.name}
            self.add_event("foreground", now_ns, {**detail, "shell_waits": False, "since_ns": 0, "reads_turns": False})

    def read_hooks(self) -> None:
        if self.meta.wanted == "paused":
            self.hooks.skip()
        else:
            self.hooks.read(self.meta.agent, self.state)

    # -- rows ---------------------------------------------------------------------------------------------------------

    def write_turns(self, now_ns: int) -> None:
        self.book.put(self.reader.changed())
        idle = self.state.now
        patience_ns = DOUBT_NS if self.state.is_doubtful else LAST_WORDS_NS
        if self.agent_tells() and idle.state == "idle" and now_ns - idle.at_ns > patience_ns:
            self.book.idle_since(idle.at_ns)
        for entry in self.book.take(now_ns):
            self.rows.turn(entry.turn)
            self.changes.look(self.id, self.place.cwd if self.place else self.meta.cwd, entry.turn, now_ns)
            self.keyframes.keep(entry)
        for rows, book in self.conversations.children.values():
            for entry in book.take(now_ns):
                rows.turn(entry.turn)

    def write_texts(self) -> None:
        for text in self.reader.texts.take():
            self.rows.text(text)

    def write_state(self, now_ns: int) -> None:
        """Tell the database and tmux when the agent's state is another one."""
        profile, process = self.agent.profile, self.agent.process
        told = self.conversations.evidence()
        live = self.border.call("asking for the state", None, profile.live, process) if profile and process else None
        pending = self.conversations.pending()
        changed = self.state.changed(live, self.reader, told, self.agent, now_ns, trouble=self.trouble, pending=pending)
        now = self.state.now
        if changed:
            self.rows.change(state=now.state, state_reason=now.reason, state_at=iso(now.at_ns))
        ends_turn = self.state.is_renewed and any(turn.ended_ns is None for turn in self.book.open.values())
        if self.agent_tells() and (changed or ends_turn):
            self.add_event("state", now.at_ns, {"state": now.state, "reason": now.reason})

    def write_told(self) -> None:
        """What the agent tells besides turns: the room left in its context, and its cost."""
        told = self.conversations.told(self.feed.read())
        if changed := dict(told.items() - self.told.items()):
            self.told |= changed
            self.rows.change(**changed)

    def shown(self) -> Shown | None:
        """What the pane's options are to say; nothing while it is not recorded."""
        meta, now = self.meta, self.state.now
        agent = self.agent.profile.name if self.agent.profile else meta.agent
        where = (meta.tmux_socket, meta.pane_id, self.id, agent, meta.cwd)
        if meta.wanted == "paused":
            return Shown(*where, "paused", "", now.at_ns)
        if meta.wanted != "recording" or not self.state.told:
            return None
        return Shown(*where, now.state, now.reason, self.state.since_ns, self.told.get("context_left"))

    def agent_tells(self) -> bool:
        """Whether an agent with a transcript has the pane."""
        return bool(self.agent.profile and self.agent.profile.transcript)

    # -- the end ------------------------------------------------------------------------------------------------------

    def end(self, why: str, now_ns: int) -> None:
        """Nothing more will come; what is on its way is still read. The pane is free for another recording."""
        if not self.ending:
            self.ending, self.ending_ns = why, now_ns
            self.broke_off = self.meta.wanted == "recording" and not self.meta.ends_with_agent
            self.meta = replace(self.meta, wanted="off")
            with suppress(OSError):
                self.spool.change_meta(wanted="off")

    def finish(self, now_ns: int) -> None:
        if self.trouble:
            self.add_event("gap", now_ns, {"cause": self.trouble, "since_ns": self.last_ns})
        self.salvage()
        self.cut_blocks(everything=True)
        self.reader.texts.end(self.terminal.offset)
        self.write_texts()
        ended = {"status": "lost" if self.is_lost() else "ended", "ended_at": iso(self.last_ns or now_ns), "state": None}
        for rows, book in self.conversations.books():
            for turn in book.close(self.last_ns or now_ns):
                rows.turn(turn)
                if rows is self.rows:
                    self.changes.look(self.id, self.meta.cwd, turn, now_ns)
            rows.change(**ended)
        self.rows.no_open_turns(self.last_ns or now_ns)
        self.outbox.put(lambda connection: fill_keyframes(connection, self.id))
        self.add_event("end", now_ns, {"cause": self.ending})
        if not self.conversations.followed:
            self.outbox.put(lambda connection: tell_untold(connection, self.id, self.settings))
        self.rows.no_cursor()
        self.outbox.when_durable(self.mark_done)
        self.finished = True

    def is_lost(self) -> bool:
        """Whether the recording broke off: nobody stopped it, and the tap never saw the end of the pipe."""
        return self.broke_off and not self.pipe_ended_ns

    def mark_done(self) -> None:
        """Everything is in the database: the folder may go, unless the session goes on in it already."""
        if self.spool.meta().attached_ns == self.meta.attached_ns:
            self.spool.change_meta(wanted="done")

    def salvage(self) -> None:
        """Bytes that a tap had begun to write when everything was killed, or that came while no tap could start."""
        data = self.spool.unclaimed(self.terminal.cursor)
        if data:
            read = Read(self.last_ns, self.terminal.offset, *self.terminal.size, data)
            self.terminal.add(read)
            self.reader.feed(read)
