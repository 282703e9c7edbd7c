"""Turns out of the calls of an agent that keeps no transcript: each call repeats the conversation and adds to it. Pure.

A call that begins a conversation, or adds a prompt to one, begins a turn. One that adds results of tools goes on with it, by the
ids of its calls or because it repeats what was said before. A conversation that begins while another's turn is under way is a
helper's, and one without tools beside one with tools is the program's own (a title, a summary): neither tells a turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from procy.parse.turns import Draft
from procy.parse.wire.heard import read_heard
from procy.parse.wire.neutral import Call, Reasoning, Reply, Result, Text
from procy.parse.wire.talk import Talk, read_talk
from procy.types import ToolStatus, Turn

MOST_THREADS = 40  # conversations that are remembered
ALONE_NS = 10_000_000_000  # a helper begins at most so long after its agent, or another helper, was last heard of


class Exchange(NamedTuple):
    """A call that is over. ``conversation``: as the agent names it, or "". ``outcome``: as in the table ``exchanges``."""

    id: str
    wire: str
    conversation: str
    started_ns: int
    ended_ns: int
    outcome: str
    error: str
    request: bytes
    response: bytes


@dataclass(slots=True)
class Thread:
    """One conversation as its calls repeat it. ``draft`` is None for one that tells no turns."""

    conversation: str
    asked: list[bytes] = field(default_factory=list)  # digests of the messages of its last request
    replies: set[str] = field(default_factory=set)
    draft: Draft | None = None
    answers: dict[tuple[bytes, ...], Reply] = field(default_factory=dict)  # of the turn, by what was asked: a repeated call once

    def overlaps(self, call: Exchange, last_ns: int) -> bool:
        """Whether its turn is under way then: a call runs, or its tools do."""
        if self.draft is None:
            return False
        waits = self.draft.pending is not None and call.started_ns - last_ns < ALONE_NS
        return waits or call.started_ns < self.draft.last_ns


class WireReader:
    """Give it calls in groups that overlap in time, the oldest first."""

    def __init__(self) -> None:
        self.threads: list[Thread] = []
        self.offers_tools = False
        self.last_ns = 0  # when the last call that was read had ended
        self.touched: dict[str, Draft] = {}

    def feed(self, calls: Iterable[Exchange]) -> None:
        """Calls that overlap, or one alone."""
        known = [(call, talk) for call in calls if (talk := read_talk(call.wire, call.request))]
        self.offers_tools = self.offers_tools or any(talk.has_tools for _, talk in known)
        known.sort(key=lambda one: (self.thread_of(*one) is None, not one[1].has_tools, one[0].started_ns, one[0].id))
        for call, talk in known:
            self.take(call, talk)
            self.last_ns = max(self.last_ns, call.ended_ns)

    def changed(self) -> list[Turn]:
        turns = [draft.freeze() for draft in self.touched.values()]
        self.touched.clear()
        return sorted(turns, key=lambda turn: turn.started_ns)

    def take(self, call: Exchange, talk: Talk) -> None:
        digests = [message.digest for message in talk.messages]
        thread = self.thread_of(call, talk)
        if thread is None:
            thread = Thread(call.conversation)
            self.threads = [*self.threads[1 - MOST_THREADS :], thread]
        if talk.prompt and digests != thread.asked and (thread.draft or not self.is_aside(call, talk)):
            self.begin(thread, call, talk.prompt)
        thread.asked = digests
        if thread.draft:
            self.go_on(thread, thread.draft, call, talk)

    def thread_of(self, call: Exchange, talk: Talk) -> Thread | None:
        """The conversation that the call goes on with, the latest first; None for a new one."""
        results = {result.call_id for message in talk.tail for result in message.results}
        digests = [message.digest for message in talk.messages]
        for thread in reversed(self.threads):
            if thread.conversation and call.conversation and thread.conversation != call.conversation:
                continue
            waits = {key for key, one in thread.draft.calls.items() if one.result is None} if thread.draft else set()
            if talk.follows in thread.replies or results & waits or goes_on(digests, thread.asked, len(talk.tail)):
                return thread
        return None

    def is_aside(self, call: Exchange, talk: Talk) -> bool:
        return (self.offers_tools and not talk.has_tools) or any(thread.overlaps(call, self.last_ns) for thread in self.threads)

    def begin(self, thread: Thread, call: Exchange, prompt: str) -> None:
        for draft in (one.draft for one in self.threads if one.draft and one.draft.status == "open"):
            self.end(draft, "interrupted", draft.last_ns)
        thread.answers = {}
        thread.draft = Draft(
            key=f"wire:{call.id}", prompt=prompt, started_ns=call.started_ns, agent_session_id=call.conversation or None,
            source="wire",
        )  # fmt: skip

    def go_on(self, thread: Thread, draft: Draft, call: Exchange, talk: Talk) -> None:
        """What the call tells of the turn: results of tools by its request, and what the model says by its answer."""
        for result in (result for message in talk.tail for result in message.results):
            self.give(draft, result, call.started_ns)
        reply = read_heard(call.response)
        draft.last_ns = max(draft.last_ns, call.ended_ns)
        draft.reopen()
        if reply:
            reply = talk.named(reply)
            draft.model = reply.model or draft.model
            thread.replies.add(reply.id or call.id)
            thread.answers[tuple(thread.asked)] = reply
            self.lay_out(draft, thread.answers.values(), call.ended_ns)
        if call.outcome == "client_abort":
            self.end(draft, "interrupted", call.ended_ns)
        elif call.outcome != "ok" or reply is None:
            self.end(draft, "error", call.ended_ns, call.error or "the answer cannot be read")
        elif not any(isinstance(part, Call) for part in reply.parts):
            self.end(draft, "done", call.ended_ns)
        self.touched[draft.key] = draft

    def give(self, draft: Draft, result: Result, at_ns: int) -> None:
        call = draft.calls.get(result.call_id)
        if call and call.result is None:
            status: ToolStatus = "error" if result.failed else "ok"
            draft.result(result.call_id, "\n".join(part.text for part in result.parts if isinstance(part, Text)), status, at_ns)

    def lay_out(self, draft: Draft, replies: Iterable[Reply], at_ns: int) -> None:
        """Texts and calls in their order; what is known of a call already stays."""
        known, draft.calls, draft.texts, draft.reasoning = draft.calls, {}, [], []
        for part in (part for reply in replies for part in reply.parts):
            match part:
                case Text():
                    draft.say(part.text.strip("\n"))
                case Reasoning():
                    draft.think(part.text.strip("\n"))
                case Call():
                    draft.call(part.id or part.name, part.name, part.arguments, at_ns)
        draft.calls = {key: known.get(key, call) for key, call in draft.calls.items()}

    def end(self, draft: Draft, status: str, at_ns: int, error: str | None = None) -> None:
        draft.end(status, at_ns, error)  # type: ignore[arg-type]
        self.touched[draft.key] = draft


def goes_on(digests: Sequence[bytes], asked: Sequence[bytes], tail: int) -> bool:
    """Whether a request repeats all of another, or all of it up to a place where something else was said instead."""
    if not asked:
        return False
    before = len(digests) - tail
    return list(digests[: len(asked)]) == list(asked) or (
        0 < before < len(asked) and list(digests[:before]) == list(asked[:before])
    )


def groups(calls: Sequence[Exchange]) -> list[list[Exchange]]:
    """Calls that overlap in time, together; ``calls`` in the order of their beginnings."""
    found: list[list[Exchange]] = []
    end = 0
    for call in calls:
        if not found or call.started_ns > end:
            found.append([])
        found[-1].append(call)
        end = max(end, call.ended_ns)
    return found
