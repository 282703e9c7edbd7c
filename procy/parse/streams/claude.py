"""Claude Code's stream-json, which Qwen Code speaks too. Seen in 2.1.197 and 2.1.329.

An ``assistant`` line is one block of a message and its ``usage`` is that of the message's beginning: the turn's sum stands in
``result``. ``result`` may be an error although its subtype is ``success``. Lines with ``parent_tool_use_id`` are a sub-agent's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from procy.parse.streams.events import Event
from procy.parse.transcripts.claude_code import INTERRUPTED, file_change, prompt_text, read_usage, result_text, tool_status
from procy.parse.transcripts.shapes import as_amount, as_blocks, as_dict, as_json, as_list, as_text
from procy.types import Usage


class Claude:
    """See ``procy.parse.streams.events.Dialect``. ``call``: of the sub-agent whose lines are read and no others'."""

    def __init__(self, call: str = "") -> None:
        self.call = call
        self.asked = False  # the sub-agent's prompt is known
        self.interrupted = False
        self.model = ""

    def sent(self, record: dict[str, Any]) -> list[Event]:
        kind = record.get("type")
        if is_user_message(record):
            text = prompt_text(as_dict(record.get("message")).get("content"))
            return [Event(kind="prompt", key=as_text(record.get("uuid")), text=text)]
        if kind == "control_response":
            return [Event(kind="answered", key=as_text(as_dict(record.get("response")).get("request_id")))]
        return []

    def said(self, record: dict[str, Any]) -> list[Event]:
        if as_text(record.get("parent_tool_use_id")) != self.call:
            return self._of_call(record) if self.call else []
        kind = record.get("type")
        if kind == "assistant":
            return self._assistant(as_dict(record.get("message")))
        if kind == "user":
            return self._user(record)
        if kind == "result":
            return [self._result(record)]
        if kind == "system":
            return system_events(record)
        if kind == "control_request":
            return [Event(kind="asks", key=as_text(record.get("request_id")))]
        return []

    def _assistant(self, message: dict[str, Any]) -> list[Event]:
        model = as_text(message.get("model"))
        events = [one for block in as_blocks(message.get("content")) if (one := block_event(block))]
        if model in ("", "<synthetic>", self.model):
            return events
        self.model = model
        return [Event(kind="session", name=model), *events]

    def _user(self, record: dict[str, Any]) -> list[Event]:
        content = as_dict(record.get("message")).get("content")
        if record.get("isReplay"):
            return [Event(kind="taken", key=as_text(record.get("uuid")), text=prompt_text(content))]
        details = record.get("tool_use_result")
        events = []
        for block in as_blocks(content):
            if block.get("type") == "tool_result":
                text = result_text(block, as_dict(details))
                key = as_text(block.get("tool_use_id"))
                events.append(Event(kind="result", key=key, text=text, status=tool_status(block, details)))
        if file := file_change(as_dict(details)):
            events.append(Event(kind="file", file=file))
        if not events and prompt_text(content).startswith(INTERRUPTED):
            self.interrupted = True
            return [Event(kind="interrupted")]
        if not events and self.call:
            return self._asked(prompt_text(content))
        return events

    def _of_call(self, record: dict[str, Any]) -> list[Event]:
        """Its caller's lines about the sub-agent: its start and its end. A call that it outlives is answered before its end."""
        if record.get("tool_use_id") == self.call and is_start(record):
            return self._asked(as_text(record.get("prompt")))
        if record.get("tool_use_id") == self.call and record.get("subtype") == "task_notification":
            status = {"completed": "done", "failed": "error"}.get(as_text(record.get("status")), "interrupted")
            return [Event(kind="end", key=self.call, status=status)]
        details = record.get("tool_use_result")
        for block in as_blocks(as_dict(record.get("message")).get("content")):
            is_answer = block.get("type") == "tool_result" and block.get("tool_use_id") == self.call
            if is_answer and not as_dict(details).get("isAsync"):
                return [Event(kind="end", key=self.call, status="done" if tool_status(block, details) == "ok" else "error")]
        return []

    def _asked(self, prompt: str) -> list[Event]:
        """Some versions tell the prompt twice."""
        if self.asked or not prompt:
            return []
        self.asked = True
        return [Event(kind="prompt", key=self.call, text=prompt)]

    def _result(self, record: dict[str, Any]) -> Event:
        cut, self.interrupted = self.interrupted, False
        failed = record.get("is_error") is True or as_text(record.get("subtype")).startswith("error")
        words = as_text(record.get("result")) or "; ".join(as_text(one) for one in as_list(record.get("errors")))
        return Event(
            kind="end",
            key=as_text(record.get("uuid")),
            status="interrupted" if cut else "error" if failed else "done",
            text=(words or as_text(record.get("subtype"))) if failed and not cut else "",
            usage=usage_in(as_dict(record.get("usage"))),
            cost_usd=as_amount(record.get("total_cost_usd")),
        )


def usage_in(usage: dict[str, Any]) -> Usage:
    """Of a result. Qwen Code, which tells the total, has what came from the cache among its ``input_tokens`` (0.24.4)."""
    found = read_usage(usage)
    if "total_tokens" in usage and found.input is not None:
        return replace(found, input=max(found.input - (found.cache_read or 0), 0))
    return found


def system_events(record: dict[str, Any]) -> list[Event]:
    kind = record.get("subtype")
    if kind == "init":
        return [
            Event(kind="session", key=as_text(record.get("session_id")), name=as_text(record.get("model"))),
            Event(kind="begin", status="one" if record.get("one_message") is True else ""),  # of our own Codex
        ]
    if kind == "api_retry":
        return [
            Event(kind="retry", seconds=(as_amount(record.get("retry_delay_ms")) or 0) / 1000, text=str(record.get("error", "")))
        ]
    if kind in ("task_started", "task_notification"):
        status = "open" if kind == "task_started" else "done"
        return [Event(kind="task", key=as_text(record.get("task_id")), status=status)]
    return []


def is_start(record: dict[str, Any]) -> bool:
    """Whether a line tells that a sub-agent begins (2.1.329)."""
    return record.get("subtype") == "task_started" and record.get("task_type") == "local_agent"


def block_event(block: dict[str, Any]) -> Event | None:
    kind = block.get("type")
    if kind == "text":
        return Event(kind="text", text=as_text(block.get("text")))
    if kind == "thinking":
        return Event(kind="thinking", text=as_text(block.get("thinking")))
    if kind in ("tool_use", "server_tool_use"):
        return Event(kind="call", key=as_text(block.get("id")), name=as_text(block.get("name")), text=as_json(block.get("input")))
    return None


def is_user_message(record: dict[str, Any]) -> bool:
    """Whether a line asks for an answer: of type user, in the role of the user, and no mere answer to a tool call."""
    message = as_dict(record.get("message"))
    if record.get("type") != "user" or message.get("role") != "user":
        return False
    blocks = as_blocks(message.get("content"))
    return not blocks or any(block.get("type") != "tool_result" for block in blocks)
