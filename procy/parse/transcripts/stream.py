"""A recorded stream, read like a transcript: every line carries who wrote it and when (``procy.parse.streams.stamp``).

A message that is sent while a turn is open waits. It starts a turn when the agent says that it took it in, or, where it does
not say so, when its next turn begins; messages that begin one turn together share its answer, which is the last one's.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from procy.parse.streams.dialects import Stream
from procy.parse.streams.events import Event
from procy.parse.streams.odd import LONGEST
from procy.parse.streams.stamp import Stamped, read_stamped
from procy.parse.transcripts.base import Drafts
from procy.parse.transcripts.shapes import UNFORESEEN, as_count, as_list, as_text, read_record
from procy.parse.turns import Draft
from procy.types import Evidence, ToolStatus, TurnStatus, Usage

TOLD = ("text", "thinking", "call")


class Waiting(NamedTuple):
    """A message that no turn has yet."""

    stamp: str
    key: str
    text: str
    at_ns: int


class Reader(Drafts):
    """See ``procy.types.TranscriptReader``. ``agent_session_id`` is the stream's own name, or that and, behind a slash,
    the call that started a sub-agent of it; turns carry the agent's."""

    def __init__(self, agent_session_id: str) -> None:
        super().__init__(agent_session_id)
        self.conversation: str | None = None
        self.stream = Stream(agent_session_id.partition("/")[2])
        self.generation = 0
        self.model: str | None = None
        self.waiting: list[Waiting] = []
        self.begun: Stamped | None = None  # where a turn began of which no message is known yet
        self.typed: list[str] = []  # lines that are not JSON: a prompt, to an agent that reads one
        self.argument = ""  # the last word of its command: a prompt, where nothing is sent
        self.costs: dict[int, float] = {}  # by generation
        self.record: dict[str, Any] | None = None  # of the last line, where it is an object
        self.ended: int | None = None  # the exit status of the last process, once the stream is over

    def feed(self, line: bytes) -> None:
        stamped = read_stamped(line)
        if stamped is None:
            return
        record = self.record = read_record(stamped.line) if len(stamped.line) <= LONGEST else None
        if stamped.side == "#" and record:
            self._note(record, stamped)
        elif stamped.side == ">" and record is None:
            self.typed.append(stamped.line.decode("utf-8", "replace"))
        elif stamped.side in "<>" and record is not None:
            events = self.stream.sent(record) if stamped.side == ">" else self.stream.said(record)
            for event in events:
                with suppress(*UNFORESEEN):
                    self._take(event, stamped)

    # -- lines --------------------------------------------------------------------------------------------------------

    def _note(self, record: dict[str, Any], stamped: Stamped) -> None:
        kind = record.get("note")
        if kind == "start":
            words = [as_text(word) for word in as_list(record.get("argv"))]
            self.argument = words[-1] if len(words) > 1 and not words[-1].startswith("-") else ""
            self.generation = stamped.generation
        elif kind == "exit":
            self._end("interrupted", stamped.at_ns)
        elif kind == "end":
            self.ended = as_count(record.get("status")) or 0
            for one in self.waiting:  # an agent that ends by itself has answered all: with a turn that ran when they came
                self._open(one, folded=True)
                self._end("interrupted" if self.ended else "done", stamped.at_ns)
            self.waiting = []

    def _take(self, event: Event, stamped: Stamped) -> None:
        if event.kind == "prompt":
            self._prompt(Waiting(stamped.stamp, event.key, event.text, stamped.at_ns))
        elif event.kind == "session":
            self._session(event)
        elif event.kind == "begin":
            self._begin(event, stamped)
        elif event.kind == "taken":
            self._taken(event)
        elif event.kind == "end":
            self._settle(stamped)
            self._finish(event, stamped)
        elif event.kind in TOLD or self.current:
            self._settle(stamped)
            self._tell(event, stamped)

    def _prompt(self, one: Waiting) -> None:
        if self.current is None or self.current.status != "open":
            self._open(one)
        else:
            self.waiting.append(one)

    def _session(self, event: Event) -> None:
        self.conversation = event.key or self.conversation
        self.model = event.name or self.model
        if self.current and self.current.status == "open":
            self.current.model = self.model
            self.current.agent_session_id = self.conversation
            self.touched[self.current.key] = self.current

    @property
    def is_open(self) -> bool:
        return self.current is not None and self.current.status == "open"

    def _begin(self, event: Event, stamped: Stamped) -> None:
        """The agent's next turn. Of which messages it may tell in its next words; see ``_settle``."""
        if self.is_open:
            return
        if event.status == "one" and self.waiting:
            self._open(self.waiting.pop(0))
        else:
            self.begun = stamped

    def _taken(self, event: Event) -> None:
        found = next((one for one in self.waiting if one.key and one.key == event.key), None)
        if found:
            self.waiting.remove(found)
            self._open(found, folded=self.is_open)
            self.begun = None

    def _settle(self, stamped: Stamped) -> None:
        """A turn goes on. Where nothing says with which messages, all that wait began it; one that was asked for elsewhere
        has the words of the command."""
        if self.is_open or (self.begun is None and self.current is not None):
            return
        for place, one in enumerate(self.waiting):
            self._open(one, folded=place > 0)
        if not self.waiting:
            begun = self.begun or stamped
            self._open(Waiting(begun.stamp, "", "\n".join(self.typed) or self.argument, begun.at_ns))
        self.waiting, self.typed, self.begun = [], [], None

    def _tell(self, event: Event, stamped: Stamped) -> None:
        draft = self.current
        if draft is None:
            return
        if draft.status != "open" and event.kind in TOLD:
            draft.reopen()
        if event.kind == "text" and event.delta and draft.texts and self.joins:
            draft.texts[-1] += event.text
        elif event.kind == "text":
            draft.say(event.text)
        elif event.kind == "thinking":
            draft.think(event.text)
        elif event.kind == "call":
            draft.call(event.key, event.name, event.text, stamped.at_ns)
        elif event.kind == "result":
            self._result(draft, event, stamped.at_ns)
        elif event.kind == "file" and event.file:
            draft.change(event.file)
        self.joins = event.kind == "text" and event.delta
        self._touch(draft, stamped.at_ns, Evidence("busy", "", stamped.at_ns))

    joins = False  # the last event was a piece of text that may go on

    def _result(self, draft: Draft, event: Event, at_ns: int) -> None:
        call = draft.calls.get(event.key)
        if call is None or call.result is None:
            status: ToolStatus = event.status if event.status in ("ok", "error", "denied") else "unknown"  # type: ignore[assignment]
            draft.result(event.key, event.text, status, at_ns)

    def _finish(self, event: Event, stamped: Stamped) -> None:
        if event.cost_usd is not None:
            self.costs[stamped.generation] = event.cost_usd
            self.cost_usd = sum(self.costs.values())
        draft = self.current
        if draft is None or draft.status != "open":
            return
        draft.use("turn", event.usage or Usage())
        status: TurnStatus = event.status if event.status in ("error", "interrupted") else "done"  # type: ignore[assignment]
        draft.end(status, stamped.at_ns, event.text or None)
        state = Evidence("error" if status == "error" else "idle", event.text, stamped.at_ns)
        self._touch(draft, stamped.at_ns, state)

    # -- turns --------------------------------------------------------------------------------------------------------

    def _open(self, one: Waiting, folded: bool = False) -> None:
        self._end("done" if folded else "interrupted", one.at_ns)
        self.current = Draft(
            key=one.stamp,
            prompt=one.text,
            started_ns=one.at_ns,
            agent_session_id=self.conversation,
            folded=folded,
            source="stream",
            model=self.model,
        )
        self._touch(self.current, one.at_ns, Evidence("busy", "", one.at_ns))

    def _end(self, status: TurnStatus, at_ns: int) -> None:
        if self.current and self.current.status == "open":
            self.current.end(status, at_ns)
            self._touch(self.current, at_ns, Evidence("idle", "" if status == "done" else status, at_ns))
