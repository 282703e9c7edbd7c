"""Gemini CLI's transcript: ``~/.gemini/tmp/<project>/chats/session-<minute>-<id>.jsonl``.

Seen in version 0.61.0. The file is a log of operations on a list of messages:

- a line with an ``id`` is a message; it comes again, whole, when it has grown (tool calls with their results).
- ``{"$set": …}`` changes what is known of the conversation. With ``messages`` it replaces the list: nothing in it is new.
- ``{"$rewindTo": id}`` takes messages off the list. They were said all the same.

After a cancelled tool call the agent writes its whole list down as new messages, from the session's context on, and then sets
the list; those copies are passed over. A tool call is told when it is over, so a message without one may be the answer or not:
its turn is over when the next begins or the agent is idle. Documents of older versions have all ``messages`` in one object.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from procy.parse.times import from_iso
from procy.parse.transcripts.base import Trace
from procy.parse.transcripts.parts import file_change, prompt_of, read_usage, response_of, status_of, texts_of
from procy.parse.transcripts.shapes import UNFORESEEN, as_dict, as_json, as_list, as_text
from procy.parse.turns import Draft
from procy.types import Evidence, TurnStatus

CONTEXT = "<session_context>"
DIRECTORY = re.compile(r"^- \*\*Workspace Directories:\*\*\n  - (.+)$", re.MULTILINE)
CANCELLED = "Request cancelled."
OVER = ("success", "error", "cancelled")
TOKENS = ("input", "output", "cached", "thoughts")
COPY_NS = 2_000_000_000  # the copies of one list are written at once
SHELL = re.compile(
    r"I ran the following shell command:\n```sh\n(.*?)\n```\n\nThis produced the following result:\n```\n(.*)\n```", re.DOTALL
)


class Reader(Trace):
    """See ``procy.types.TranscriptReader``. Where a conversation took place stands in the session's context only."""

    def __init__(self, agent_session_id: str) -> None:
        super().__init__(agent_session_id)
        self.owners: dict[str, Draft] = {}  # turns by the agent's messages
        self.edits: set[str] = set()  # calls whose change of a file is known
        self.copies_ns = 0  # when the agent began to write its list again
        self.handlers = {"user": self._user, "gemini": self._answer, "error": self._error, "info": self._info}

    def feed(self, line: bytes) -> None:
        record = self.record(line)
        if record is None:
            return
        self.told(from_iso(record.get("startTime")))
        if isinstance(record.get("id"), str):
            with suppress(*UNFORESEEN):
                self._message(record)
        elif isinstance(changes := record.get("$set"), dict):
            self.title = as_text(changes.get("summary")) or self.title
            if "messages" in changes:
                self.copies_ns = 0
                self._place(as_list(changes["messages"])[:1])
        else:
            for message in as_list(record.get("messages")):  # a document of an older version
                with suppress(*UNFORESEEN):
                    self._message(as_dict(message))

    # -- messages -----------------------------------------------------------------------------------------------------

    def _place(self, messages: Sequence[object]) -> None:
        """The first of the directories that the session's context names."""
        for text in (text for message in messages for text in texts_of(as_dict(message).get("content"))):
            if text.startswith(CONTEXT) and (found := DIRECTORY.search(text)):
                self.told(None, cwd=found[1])

    def _message(self, record: dict[str, Any]) -> None:
        at_ns = self.told(from_iso(record.get("timestamp")))
        self._place([record])
        if self.is_copy(record, at_ns):
            return
        if handler := self.handlers.get(as_text(record.get("type"))):
            handler(record, at_ns)

    def is_copy(self, record: dict[str, Any], at_ns: int) -> bool:
        """Whether the message is of the list that the agent writes down again, which begins with the session's context."""
        if self.current and any(text.startswith(CONTEXT) for text in texts_of(record.get("content"))[:1]):
            self.copies_ns = at_ns
        if at_ns - self.copies_ns >= COPY_NS:
            self.copies_ns = 0
        return bool(self.copies_ns)

    def _user(self, record: dict[str, Any], at_ns: int) -> None:
        texts = texts_of(record.get("displayContent")) or texts_of(record.get("content"))
        prompt = prompt_of([text for text in texts if not text.startswith(CONTEXT)])
        key = as_text(record.get("id"))
        if prompt:
            self._open(key, prompt, at_ns)
        elif not texts and self.current and self.current.status == "open":  # results of tools
            self.current.ends_as = "interrupted"
            self._touch(self.current, at_ns)
            self.last = Evidence("busy", "", at_ns)

    def _open(self, key: str, prompt: str, at_ns: int) -> None:
        """Begin a turn; the one before it is over."""
        if self.current and self.current.status == "open":
            self._end(self.current.ends_as, self.current.last_ns)
        draft = Draft(key=key, prompt=prompt, started_ns=at_ns, agent_session_id=self.agent_session_id)
        self.current = draft
        self._touch(draft, at_ns)
        self.last = Evidence("busy", "", at_ns)
        if command := SHELL.fullmatch(prompt):
            draft.kind, draft.prompt = "shell", f"!{command[1]}"
            draft.say(command[2])
            self._end("done", at_ns)

    def _answer(self, record: dict[str, Any], at_ns: int) -> None:
        key = as_text(record.get("id"))
        draft = self.owners.get(key) or self.current
        if draft is None:
            return
        if key not in self.owners:
            self.owners[key] = draft
            draft.say("".join(texts_of(record.get("content"))))
            for thought in map(as_dict, as_list(record.get("thoughts"))):
                words = (as_text(thought.get("subject")), as_text(thought.get("description")))
                draft.think("\n".join(word for word in words if word))
        draft.model = as_text(record.get("model")) or draft.model
        if tokens := as_dict(record.get("tokens")):
            draft.use(key, read_usage(tokens, TOKENS, apart=True))
        calls = [as_dict(call) for call in as_list(record.get("toolCalls"))]
        for call in calls:
            self._tool_call(draft, call, at_ns)
        draft.ends_as = "interrupted" if calls else "done"
        self._touch(draft, at_ns)
        self.last = Evidence("busy", "", at_ns) if calls else None  # whether that was all is seen elsewhere

    def _tool_call(self, draft: Draft, call: dict[str, Any], at_ns: int) -> None:
        key, told = as_text(call.get("id")), as_text(call.get("status"))
        if not key:
            return
        draft.call(key, as_text(call.get("name")), as_json(call.get("args")), at_ns)
        output, error = response_of(call.get("result"))
        status = status_of(told, error)
        if told in OVER:
            draft.result(key, error or output, status, from_iso(call.get("timestamp")) or at_ns)
        if status == "ok" and key not in self.edits and (file := file_change(as_dict(call.get("resultDisplay")))):
            self.edits.add(key)
            draft.change(file)

    def _error(self, record: dict[str, Any], at_ns: int) -> None:
        words = "".join(texts_of(record.get("content")))
        self._end("error", at_ns, words)
        self.last = Evidence("error", words, at_ns)

    def _info(self, record: dict[str, Any], at_ns: int) -> None:
        if "".join(texts_of(record.get("content"))) == CANCELLED:
            self._end("interrupted", at_ns)
            self.last = Evidence("idle", "interrupted", at_ns)

    def _end(self, status: TurnStatus, at_ns: int, error: str | None = None) -> None:
        if self.current and self.current.status == "open":
            self.current.end(status, at_ns, error)
            self._touch(self.current, at_ns)
