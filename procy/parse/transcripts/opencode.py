"""OpenCode's event log: the rows of table ``event`` of ``opencode.db`` that belong to one session, one JSON object a row.

Seen in version 1.18.33: ``{"id", "seq", "type", "data"}``, where ``type`` ends in the number of its form. What a row means here:

- ``message.updated`` of role *user*, then its ``message.part.updated`` of type *text*: a prompt. Parts that are *synthetic* are
  the program's own words: where a message has no others, it goes on with the turn before it. A part of type *compaction* is
  ``/compact``; the words for a ``!`` command are followed by a tool's part that has the command.
- ``message.updated`` of role *assistant*: belongs to the prompt that its ``parentID`` names; told again while it grows. With
  ``time.completed`` it is over: the turn, too, unless it ``finish``\\ ed for tool calls of which none was refused. Its ``error``
  says how it failed.
- ``message.part.updated``: text and reasoning, empty at first and told again when they are whole; tools by their ``callID``.
- *step-finish*: tokens of one call of the model; ``input`` is without the cache, ``output`` without reasoning.
- ``session.created`` and ``session.updated``: title, and what the session has cost so far.

A fork has copies of the messages under new names; only their times are the same. A turn is therefore named by the time.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from procy.parse.times import from_milliseconds
from procy.parse.transcripts.base import Drafts
from procy.parse.transcripts.shapes import UNFORESEEN, as_amount, as_count, as_dict, as_json, as_list, as_text, read_record
from procy.parse.turns import PARAGRAPH, Draft
from procy.types import Evidence, FileChange, ToolStatus, TurnStatus, Usage

SHELL_WORDS = "The following tool was executed by the user"
UNNAMED = ("New session - ", "Child session - ")
NOT_FINAL = ("tool-calls", "unknown", "")
REFUSED = ("rejected permission", "user dismissed", "prevents you from using")


class Reader(Drafts):
    """See ``procy.types.TranscriptReader``."""

    def __init__(self, agent_session_id: str) -> None:
        super().__init__(agent_session_id)
        self.asked: dict[str, int] = {}  # user messages whose text has not come: when they were made, in ms
        self.drafts: dict[str, Draft] = {}  # by the id of the user's message
        self.answers: dict[str, Draft] = {}  # by the id of the assistant's message
        self.outlines: dict[str, dict[str, str | None]] = {}  # by turn: its texts by part, None for a call, in their order
        self.refused: set[str] = set()  # messages with a call that the user refused without a word: the agent stops there
        self.thoughts: dict[str, dict[str, str]] = {}
        self.at_ns = 0
        self.handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "session.created": self._session,
            "session.updated": self._session,
            "message.updated": self._message,
            "message.part.updated": self._part,
        }
        self.parts: dict[str, Callable[[Draft, dict[str, Any], int], None]] = {
            "text": self._text,
            "reasoning": self._reasoning,
            "tool": self._tool,
            "step-finish": self._step_finish,
        }

    def feed(self, line: bytes) -> None:
        record = read_record(line)
        if record is None:
            return
        name = as_text(record.get("type")).rstrip("0123456789").rstrip(".")
        if handler := self.handlers.get(name):
            with suppress(*UNFORESEEN):
                handler(as_dict(record.get("data")))

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _session(self, data: dict[str, Any]) -> None:
        info = as_dict(data.get("info"))
        title = as_text(info.get("title"))
        self.title = self.title if title.startswith(UNNAMED) else title or self.title
        cost = as_amount(info.get("cost"))
        self.cost_usd = self.cost_usd if cost is None else cost

    def _message(self, data: dict[str, Any]) -> None:
        info = as_dict(data.get("info"))
        key, times = as_text(info.get("id")), as_dict(info.get("time"))
        if info.get("role") == "user":
            if key not in self.drafts:
                self.asked.setdefault(key, as_count(times.get("created")) or 0)
        elif draft := self.drafts.get(as_text(info.get("parentID"))):
            self._answer(draft, key, info, from_milliseconds(times.get("created")), from_milliseconds(times.get("completed")))

    def _answer(self, draft: Draft, key: str, info: dict[str, Any], began_ns: int, completed_ns: int) -> None:
        if key not in self.answers:
            self.answers[key] = draft
            self._take_turn(draft, began_ns)
        draft.model = as_text(info.get("modelID")) or draft.model
        error = as_dict(info.get("error"))
        final = as_text(info.get("finish")) not in NOT_FINAL
        if not completed_ns or not (error or final or draft.kind == "shell" or key in self.refused):
            self._touch(draft, began_ns)
        elif not error:
            self._end(draft, "interrupted" if key in self.refused else "done", completed_ns)
        elif error.get("name") == "MessageAbortedError":
            self._end(draft, "interrupted", completed_ns)
        else:
            self._end(
                draft, "error", completed_ns, as_text(as_dict(error.get("data")).get("message")) or as_text(error.get("name"))
            )

    def _part(self, data: dict[str, Any]) -> None:
        part, at_ns = as_dict(data.get("part")), from_milliseconds(data.get("time"))
        message, kind = as_text(part.get("messageID")), as_text(part.get("type"))
        if message in self.asked:
            self._asked(message, kind, part)
        elif (draft := self.answers.get(message)) and (handler := self.parts.get(kind)):
            handler(draft, part, at_ns)
            self._touch(draft, at_ns)

    # -- parts of a prompt --------------------------------------------------------------------------------------------

    def _asked(self, message: str, kind: str, part: dict[str, Any]) -> None:
        text = as_text(part.get("text"))
        if kind == "compaction" and not part.get("auto"):
            self._open(message, "/compact").kind = "command"
        elif kind == "text" and not part.get("synthetic") and text:
            self._open(message, text)
        elif kind == "text" and text.startswith(SHELL_WORDS):
            self._open(message, "!").kind = "shell"
        elif kind in ("text", "compaction") and self.current:  # the program goes on by itself
            del self.asked[message]
            self.drafts[message] = self.current

    def _open(self, message: str, prompt: str) -> Draft:
        created_ms = self.asked.pop(message)
        draft = Draft(
            key=str(created_ms), prompt=prompt, started_ns=created_ms * 1_000_000, agent_session_id=self.agent_session_id
        )
        self.drafts[message] = draft
        if not self.current or self.current.status != "open":
            self.current = draft
        self._touch(draft, draft.started_ns)
        self.last = Evidence("busy", "", draft.started_ns)
        return draft

    def _take_turn(self, draft: Draft, at_ns: int) -> None:
        """The agent answers this prompt now. One that is still open was joined by it after a tool call."""
        before, self.current = self.current, draft
        if before and before is not draft and before.status == "open":
            draft.folded = True
            before.end("done", at_ns)
            self.touched[before.key] = before
        if draft.ended_ns is not None:
            draft.reopen()
        self.last = Evidence("busy", "", at_ns)

    # -- parts of an answer -------------------------------------------------------------------------------------------

    def _text(self, draft: Draft, part: dict[str, Any], at_ns: int) -> None:
        self.outlines.setdefault(draft.key, {})[as_text(part.get("id"))] = as_text(part.get("text")).strip("\n")
        self._lay_out(draft)

    def _reasoning(self, draft: Draft, part: dict[str, Any], at_ns: int) -> None:
        thoughts = self.thoughts.setdefault(draft.key, {})
        thoughts[as_text(part.get("id"))] = as_text(part.get("text")).strip("\n")
        draft.reasoning = [text for text in thoughts.values() if text]

    def _lay_out(self, draft: Draft) -> None:
        """Texts are told again when they are whole, maybe after a call that follows them."""
        draft.texts = []
        for key, text in self.outlines.get(draft.key, {}).items():
            if text is None:
                draft.calls[key] = replace(draft.calls[key], response_at=len(PARAGRAPH.join(draft.texts)))
            elif text:
                draft.texts.append(text)

    def _tool(self, draft: Draft, part: dict[str, Any], at_ns: int) -> None:
        state, key = as_dict(part.get("state")), as_text(part.get("callID"))
        times, given = as_dict(state.get("time")), as_json(state.get("input"))
        draft.call(key, as_text(part.get("tool")), given, from_milliseconds(times.get("start")) or at_ns)
        draft.calls[key] = replace(
            draft.calls[key], input=given, started_ns=from_milliseconds(times.get("start")) or draft.calls[key].started_ns
        )
        self.outlines.setdefault(draft.key, {})[key] = None
        self._lay_out(draft)
        metadata = as_dict(state.get("metadata"))
        if state.get("status") == "completed":
            draft.result(key, as_text(state.get("output")), "ok", from_milliseconds(times.get("end")) or at_ns)
            for file in changed_files(as_text(part.get("tool")), as_dict(state.get("input")), metadata):
                draft.change(file)
        elif state.get("status") == "error":
            words = as_text(state.get("error"))
            status = refusal(words, metadata)
            draft.result(key, words, status, from_milliseconds(times.get("end")) or at_ns)
            if status == "denied" and "feedback" not in words:
                self.refused.add(as_text(part.get("messageID")))
        if draft.kind == "shell":
            draft.prompt = f"!{as_text(as_dict(state.get('input')).get('command'))}"
            draft.texts = [text] if (text := as_text(metadata.get("output") or state.get("output")).rstrip("\n")) else []

    def _step_finish(self, draft: Draft, part: dict[str, Any], at_ns: int) -> None:
        draft.use(as_text(part.get("id")), read_usage(as_dict(part.get("tokens"))))

    # -- turns --------------------------------------------------------------------------------------------------------

    def _end(self, draft: Draft, status: TurnStatus, at_ns: int, error: str | None = None) -> None:
        draft.end(status, at_ns, error)
        self._touch(draft, at_ns)
        self.last = Evidence("error", error or "", at_ns) if status == "error" else Evidence("idle", "", at_ns)


def refusal(words: str, metadata: dict[str, Any]) -> ToolStatus:
    """How a call failed: by itself, by the user's no, or because it was cut short."""
    if any(sign in words for sign in REFUSED):
        return "denied"
    return "unknown" if metadata.get("interrupted") or "aborted" in words.lower() else "error"


def changed_files(tool: str, given: dict[str, Any], metadata: dict[str, Any]) -> list[FileChange]:
    """What an edit, a write or a patch did, by what the tool tells."""
    if tool == "write" and (path := as_text(metadata.get("filepath"))):
        lines = as_text(given.get("content")).splitlines()
        if metadata.get("exists"):
            return [FileChange(path=path, change="modified")]  # what stood there is not told
        body = f"@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{line}\n" for line in lines)
        return [FileChange(path=path, change="added", diff=f"--- /dev/null\n+++ {path}\n{body}")]
    told = [as_dict(metadata.get("filediff")), *map(as_dict, as_list(metadata.get("files")))]
    return [file for one in told if (file := told_change(one))]


def told_change(one: dict[str, Any]) -> FileChange | None:
    """One entry of a tool's ``filediff`` or ``files``."""
    path = as_text(one.get("filePath")) or as_text(one.get("file"))
    patch = as_text(one.get("patch")) or as_text(one.get("diff"))
    if not path:
        return None
    kind = one.get("type")
    heads = ("Index: ", "====")
    diff = "".join(line for line in patch.splitlines(keepends=True) if not line.startswith(heads))
    change = "added" if kind == "add" else "deleted" if kind == "delete" else "modified"
    return FileChange(path=path, change=change, diff=diff or None)  # type: ignore[arg-type]


def read_usage(tokens: dict[str, Any]) -> Usage:
    cache, reasoning = as_dict(tokens.get("cache")), as_count(tokens.get("reasoning"))
    output = as_count(tokens.get("output"))
    return Usage(
        input=as_count(tokens.get("input")),
        output=None if output is None else output + (reasoning or 0),
        cache_read=as_count(cache.get("read")),
        cache_write=as_count(cache.get("write")),
        reasoning=reasoning,
    )
