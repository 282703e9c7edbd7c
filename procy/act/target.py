"""The pane that is to take a prompt: who runs in it, what it shows, and why it cannot take one now."""

from __future__ import annotations

import os
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from procy.capture.spool import Spool
from procy.capture.tmux import Pane, Tmux
from procy.errors import PaneBusy, PaneRefuses
from procy.parse.composer import Dialog, read_composer, read_dialog
from procy.places import Places
from procy.recording.foreground import is_shell, program_of
from procy.recording.start import find_spool
from procy.recording.terminal import TerminalLog
from procy.store.db import open_reader
from procy.store.read import short
from procy.types import Process, Profile

FACTS = ("pane_dead", "pane_in_mode", "pane_input_off", "cursor_x", "cursor_y", "@procy_state", "@procy_reason")
BEGINNING = "procy-facts:"
FORMAT = BEGINNING + "\t".join(f"#{{{name}}}" for name in FACTS)
TYPING_S = 2  # a key within so many seconds means that somebody types; tmux tells whole seconds


class Look(NamedTuple):
    """One moment of a pane. ``rows`` keep their styles; ``reason`` is the agent's own text."""

    dead: bool
    in_mode: bool
    input_off: bool
    cursor: tuple[int, int]
    state: str
    reason: str
    rows: tuple[str, ...]

    @property
    def dialog(self) -> Dialog | None:
        return read_dialog(self.rows)


@dataclass(frozen=True, slots=True)
class Target:
    """A recorded pane and the program that has its terminal."""

    places: Places
    spool: Spool
    tmux: Tmux
    pane: Pane
    process: Process | None
    profile: Profile | None

    @property
    def name(self) -> str:
        return self.pane.pane_id

    @property
    def session_id(self) -> str:
        return self.spool.session_id

    @property
    def program(self) -> str:
        """What runs there, as people call it."""
        if self.profile and self.profile.composer:
            return self.profile.title
        return os.path.basename(self.process.argv[0]) if self.process and self.process.argv else "nothing that can be seen"

    def has_terminal(self) -> bool:
        """Whether that program has the pane's terminal still. After it comes a shell, whose prompt may look like a composer."""
        process, _ = program_of(self.pane)
        return process is not None and self.process is not None and process.pid == self.process.pid

    def look(self) -> Look:
        """Facts and screen in one tmux command list, so they are of one moment."""
        lines = self.tmux.run(
            "capture-pane", "-p", "-e", "-N", "-t", self.name, ";", "display-message", "-p", "-t", self.name, FORMAT
        )  # fmt: skip
        place = max(place for place, line in enumerate(lines) if line.startswith(BEGINNING))  # a reason may have lines of its own
        facts = "\n".join(lines[place:]).removeprefix(BEGINNING)
        dead, mode, off, column, row, state, reason = facts.split("\t", len(FACTS) - 1)
        cursor = (int(column), int(row))
        return Look(dead == "1", mode not in ("", "0"), off == "1", cursor, state, " ".join(reason.split()), tuple(lines[:place]))

    def typed(self, look: Look, marks: Sequence[str] = ()) -> str | None:
        """What stands in the composer; None where there is none to be seen. ``marks``: if not the profile's own."""
        return read_composer(look.rows, look.cursor, marks or (self.profile.composer if self.profile else ()))

    def somebody_types(self) -> bool:
        """Whether a client that looks at this pane got a key a moment ago."""
        now = time.time()
        for line in self.tmux.run("list-clients", "-F", "#{client_activity}\t#{pane_id}"):
            activity, _, pane_id = line.partition("\t")
            if pane_id == self.name and activity.isdigit() and now - int(activity) < TYPING_S:
                return True
        return False

    def takes_lines(self) -> bool:
        """Whether the program reads its terminal line by line, as a shell's ``read`` does: it would keep 4,095 bytes."""
        try:
            terminal = os.open(self.pane.tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            return bool(termios.tcgetattr(terminal)[3] & termios.ICANON)
        except termios.error:
            return False
        finally:
            os.close(terminal)

    def frames_pastes(self) -> bool:
        """Whether pasted text arrives framed (mode 2004). Agents with a composer ask for that when they start, maybe before
        their recording; it is not known of another program that began before, so yes."""
        flag = self.tmux.show(self.name, "#{bracket_paste_flag}")  # tmux 3.7 and newer
        if flag in ("0", "1"):
            return flag == "1"
        if self.profile and self.profile.composer:
            return True
        with open_reader(self.places.db) as connection:
            log = TerminalLog(connection, self.places.spool, self.session_id)
            escapes = log.picture_at(log.end()).escapes
        return b"\x1b[?2004h" in escapes or self.spool.meta().agent_pid == 0


def find_target(places: Places, handle: str, any_program: bool = False) -> Target:
    """The recorded pane under a handle. Raises PaneRefuses when a shell, or no agent that procy knows, has it."""
    spool = find_spool(places, handle)
    meta = spool.meta()
    tmux = Tmux(meta.tmux_socket)
    pane = tmux.pane(meta.pane_id)
    if pane.server_pid != meta.server_pid:
        what = f"the tmux server of session {short(meta.session_id)} is gone"
        raise PaneRefuses(what, "See what is recorded: procy status")
    process, profile = program_of(pane)
    target = Target(places, spool, tmux, pane, process, profile)
    if process is None:
        raise PaneRefuses(f"what runs in pane {pane.pane_id} cannot be seen", "Type it there yourself")
    if is_shell(process):
        raise PaneRefuses(f"pane {pane.pane_id} runs a shell ({target.program})", "Start the agent in it first")
    if not any_program and not (profile and profile.composer):
        what = f"pane {pane.pane_id} runs {target.program}, which is no agent that procy knows"
        raise PaneRefuses(what, "Send to it all the same with --any-program")
    return target


def check(target: Target, look: Look, human: bool = False) -> None:
    """Raise PaneBusy for what passes, PaneRefuses for what does not. ``human``: whoever may be typing asked for this."""
    name = target.name
    check_reach(target, look)
    check_recording(target)
    if look.state == "waiting":
        raise PaneBusy(f"{target.program} in pane {name} asks ({look.reason})", f"Answer it: procy answer -t {name}")
    if not human and target.somebody_types():
        raise PaneBusy(f"somebody types in pane {name}", "Try again in a moment")
    if target.profile and target.profile.composer:
        check_agent(target, look)
    elif target.takes_lines():
        raise PaneRefuses(f"the program in pane {name} reads line by line", "Type it there yourself")


def check_reach(target: Target, look: Look) -> None:
    """Raise where keys would not reach that very program."""
    check_input(target.name, look.dead, look.in_mode, look.input_off)
    if not target.has_terminal():
        raise PaneRefuses(f"{target.program} in pane {target.name} is not there any more", "Start it again")


def check_recording(target: Target) -> None:
    wanted = target.spool.wanted()
    if wanted == "paused":
        raise PaneRefuses(f"the recording of pane {target.name} is paused", f"Go on with it: procy pause {target.name}")
    if wanted != "recording":
        raise PaneRefuses(f"pane {target.name} is not recorded any more", f"Record it: procy record -t {target.name}")


def check_input(pane_id: str, dead: bool, in_mode: bool, input_off: bool) -> None:
    """Raise where keys would not reach the pane's program."""
    if dead:
        raise PaneRefuses(f"the program in pane {pane_id} has ended", "Start it again")
    if input_off:
        raise PaneRefuses(f"pane {pane_id} takes no input", f"Switch it on: tmux select-pane -e -t {pane_id}")
    if in_mode:
        raise PaneBusy(f"pane {pane_id} is in copy mode", "Leave it with q")


def check_agent(target: Target, look: Look) -> None:
    if look.state == "busy":
        raise PaneBusy(f"{target.program} in pane {target.name} is busy", "Wait for it with --queue")
    typed = target.typed(look)
    if typed is None:
        raise PaneBusy(f"{target.program} in pane {target.name} shows no prompt to type at", "Close its menu or dialog")
    if typed:
        start = typed.splitlines()[0][:40]
        raise PaneBusy(f"something is typed in pane {target.name} already: {start!r}", "Send or delete that first")
