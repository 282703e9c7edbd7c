"""Qwen Code's transcript: ``~/.qwen/projects/<directory>/chats/<session>.jsonl``.

Seen in version 0.24.4. Every line is ``{uuid, parentUuid, sessionId, timestamp, type, …}`` with a message of parts:

- ``user`` is a prompt where its ``provenance`` is ``real_user``, or where it has none (older versions). With ``subtype``
  ``mid_turn_user_message`` it was folded into the running turn.
- ``assistant`` is one whole message of the model with its calls and ``usageMetadata``. What was cut short has none, and no
  ``api_response`` line (``system`` of subtype ``ui_telemetry``, which repeats the usage) before it.
- ``tool_result`` holds what the model is told, and in ``toolCallResult`` how it went.
- ``system`` of subtype ``slash_command`` and ``custom_title``.

No line says that a turn is over: it is when a message has no calls.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from procy.parse.times import from_iso
from procy.parse.transcripts.base import Trace
from procy.parse.transcripts.parts import file_change, prompt_of, read_usage, response_of, status_of, texts_of
from procy.parse.transcripts.shapes import UNFORESEEN, as_dict, as_json, as_list, as_text
from procy.parse.turns import Draft
from procy.types import Evidence, TurnKind, TurnStatus

TOKENS = ("promptTokenCount", "candidatesTokenCount", "cachedContentTokenCount", "thoughtsTokenCount")
FOLDED = "mid_turn_user_message"


class Reader(Trace):
    """See ``procy.types.TranscriptReader``."""

    def __init__(self, agent_session_id: str) -> None:
        super().__init__(agent_session_id)
        self.calls: dict[str, Draft] = {}
        self.is_whole = False  # the model's next message came to its end
        self.handlers = {
            "user": self._user,
            "assistant": self._assistant,
            "tool_result": self._tool_result,
            "system": self._system,
        }

    def feed(self, line: bytes) -> None:
        record = self.record(line)
        if record is None:
            return
        at_ns = self.told(from_iso(record.get("timestamp")), cwd=record.get("cwd"), branch=record.get("gitBranch"))
        if handler := self.handlers.get(as_text(record.get("type"))):
            with suppress(*UNFORESEEN):
                handler(record, at_ns)

    # -- line types ---------------------------------------------------------------------------------------------------

    def _user(self, record: dict[str, Any], at_ns: int) -> None:
        folded = record.get("subtype") == FOLDED
        if record.get("provenance", "real_user") != "real_user" or (record.get("subtype") and not folded):
            return
        shown = as_text(as_dict(record.get("systemPayload")).get("displayText"))
        prompt = shown or prompt_of(texts_of(as_dict(record.get("message")).get("parts")))
        if prompt:
            self._open(record, "prompt", prompt, at_ns, folded)

    def _assistant(self, record: dict[str, Any], at_ns: int) -> None:
        draft = self.current
        if draft is None or draft.kind != "prompt":
            return
        if draft.ended_ns is not None:
            draft.reopen()
        draft.model = as_text(record.get("model")) or draft.model
        parts = [as_dict(part) for part in as_list(as_dict(record.get("message")).get("parts"))]
        draft.think("".join(as_text(part.get("text")) for part in parts if part.get("thought")))
        draft.say("".join(texts_of(parts)))
        for call in (as_dict(part["functionCall"]) for part in parts if "functionCall" in part):
            if key := as_text(call.get("id")):
                draft.call(key, as_text(call.get("name")), as_json(call.get("args")), at_ns)
                self.calls[key] = draft
        usage = as_dict(record.get("usageMetadata"))
        if usage:
            draft.use(as_text(record.get("uuid")), read_usage(usage, TOKENS, apart=False))
        is_whole, self.is_whole = self.is_whole or bool(usage), False
        self._touch(draft, at_ns)
        self.last = Evidence("busy", "", at_ns)
        if draft.pending is None:
            self._end("done" if is_whole else "interrupted", at_ns)

    def _tool_result(self, record: dict[str, Any], at_ns: int) -> None:
        told = as_dict(record.get("toolCallResult"))
        parts = as_list(as_dict(record.get("message")).get("parts"))
        key = as_text(told.get("callId"))
        draft = self.calls.get(key)
        if draft is None:
            return
        output, error = response_of(parts)
        status = status_of(as_text(told.get("status")), error)
        draft.result(key, error or output, status, at_ns)
        if status == "ok" and (file := file_change(as_dict(told.get("resultDisplay")))):
            draft.change(file)
        self._touch(draft, at_ns)
        if status in ("denied", "unknown") and draft.pending is None:
            self._end("interrupted", at_ns)

    def _system(self, record: dict[str, Any], at_ns: int) -> None:
        payload = as_dict(record.get("systemPayload"))
        kind = record.get("subtype")
        if kind == "ui_telemetry":
            self._telemetry(as_dict(payload.get("uiEvent")), at_ns)
        elif kind == "custom_title":
            self.title = as_text(payload.get("customTitle")) or self.title
        elif kind == "slash_command":
            self._command(record, payload, at_ns)

    def _telemetry(self, event: dict[str, Any], at_ns: int) -> None:
        name = event.get("event.name")
        if name == "qwen-code.api_response":
            self.is_whole = True
        elif name == "qwen-code.api_error" and self.current and self.current.status == "open":
            words = as_text(event.get("error_message")) or "API error"
            self._end("error", at_ns, words)
            self.last = Evidence("error", words, at_ns)

    def _command(self, record: dict[str, Any], payload: dict[str, Any], at_ns: int) -> None:
        """Told twice: as it begins, and with what it showed."""
        if payload.get("phase") == "invocation":
            self._open(record, "command", as_text(payload.get("rawCommand")), at_ns)
        elif self.current and self.current.kind == "command":
            shown = [as_text(as_dict(item).get("text")) for item in as_list(payload.get("outputHistoryItems"))]
            self.current.say("\n".join(text for text in shown if text))
            self._end("done", at_ns)

    # -- turns --------------------------------------------------------------------------------------------------------

    def _open(self, record: dict[str, Any], kind: TurnKind, prompt: str, at_ns: int, folded: bool = False) -> None:
        """Begin a turn; one that is still open was cut short, unless the new prompt joins it."""
        key = as_text(record.get("uuid"))
        if not key:
            return
        if self.current and self.current.status == "open":
            self._end("done" if folded else "interrupted", at_ns if folded else self.current.last_ns)
        draft = Draft(key=key, prompt=prompt, started_ns=at_ns, agent_session_id=self.agent_session_id, kind=kind, folded=folded)
        self.current, self.is_whole = draft, False
        self._touch(draft, at_ns)
        self.last = Evidence("busy", "", at_ns)

    def _end(self, status: TurnStatus, at_ns: int, error: str | None = None) -> None:
        if self.current and self.current.status == "open":
            self.current.end(status, at_ns, error)
            self._touch(self.current, at_ns)
            self.last = Evidence("idle", "" if status == "done" else status, at_ns)
