"""``codex app-server``: JSON-RPC in JSONL. Seen in 0.169.0.

The answer that a steer cuts off is an item that starts and never completes; nothing is made of it.
"""

from __future__ import annotations

from typing import Any

from procy.parse.streams.events import Event
from procy.parse.transcripts.codex import file_change
from procy.parse.transcripts.shapes import as_count, as_dict, as_json, as_list, as_text
from procy.types import Usage

ENDS = {"completed": "done", "interrupted": "interrupted", "failed": "error"}


class CodexServer:
    """See ``procy.parse.streams.events.Dialect``. The first thread that starts is the conversation; others are its helpers'."""

    def __init__(self) -> None:
        self.thread = ""
        self.usage: Usage | None = None

    def sent(self, record: dict[str, Any]) -> list[Event]:
        params = as_dict(record.get("params"))
        if record.get("method") in ("turn/start", "turn/steer"):
            parts = [as_text(one.get("text")) for one in map(as_dict, as_list(params.get("input")))]
            return [Event(kind="prompt", text="\n".join(part for part in parts if part))]
        if "method" not in record and "result" in record:
            return [Event(kind="answered", key=str(record.get("id")))]
        return []

    def said(self, record: dict[str, Any]) -> list[Event]:
        method, params = as_text(record.get("method")), as_dict(record.get("params"))
        if not method:
            return self._answer(as_dict(record.get("result")))
        if "id" in record:
            return [Event(kind="asks", key=str(record["id"]))]
        if params.get("threadId") not in (None, self.thread or params.get("threadId")):
            return []
        if method == "turn/started":
            return [Event(kind="begin")]
        if method == "item/started":
            return started(as_dict(params.get("item")))
        if method == "item/completed":
            return completed(as_dict(params.get("item")))
        if method == "thread/tokenUsage/updated":
            last = as_dict(as_dict(params.get("tokenUsage")).get("last"))
            self.usage = read_usage(last) if self.usage is None else self.usage + read_usage(last)
        return [self._end(as_dict(params.get("turn")))] if method == "turn/completed" else []

    def _answer(self, result: dict[str, Any]) -> list[Event]:
        thread = as_text(as_dict(result.get("thread")).get("id"))
        if not thread:
            return []
        self.thread = thread
        return [Event(kind="session", key=thread, name=as_text(result.get("model")))]

    def _end(self, turn: dict[str, Any]) -> Event:
        usage, self.usage = self.usage, None
        words = as_text(as_dict(turn.get("error")).get("message"))
        return Event(
            kind="end", key=as_text(turn.get("id")), status=ENDS.get(as_text(turn.get("status")), "done"), text=words, usage=usage
        )


def started(item: dict[str, Any]) -> list[Event]:
    key, kind = as_text(item.get("id")), item.get("type")
    if kind == "commandExecution":
        return [Event(kind="call", key=key, name="Bash", text=as_json({"command": item.get("command")}))]
    if kind == "mcpToolCall":
        return [Event(kind="call", key=key, name=as_text(item.get("tool")), text=as_json(item.get("arguments")))]
    if kind == "fileChange":
        paths = [as_text(one.get("path")) for one in map(as_dict, as_list(item.get("changes")))]
        return [Event(kind="call", key=key, name="Edit", text=as_json({"files": paths}))]
    return []


def completed(item: dict[str, Any]) -> list[Event]:
    key, kind = as_text(item.get("id")), item.get("type")
    if kind == "agentMessage":
        return [Event(kind="text", text=as_text(item.get("text")))]
    if kind == "reasoning":
        return [Event(kind="thinking", text="\n\n".join(as_text(part) for part in as_list(item.get("summary"))))]
    if kind not in ("commandExecution", "mcpToolCall", "fileChange"):
        return []
    status = {"completed": "ok", "declined": "denied"}.get(as_text(item.get("status")), "error")
    text = as_text(item.get("aggregatedOutput")) or (as_json(item["result"]) if item.get("result") else "")
    files = [Event(kind="file", file=change(one)) for one in map(as_dict, as_list(item.get("changes"))) if status == "ok"]
    return [*started(item), Event(kind="result", key=key, text=text, status=status), *files]


def change(one: dict[str, Any]) -> Any:
    kind, diff = as_text(as_dict(one.get("kind")).get("type")), as_text(one.get("diff"))
    return file_change(as_text(one.get("path")), {"type": kind, "content": diff, "unified_diff": diff})


def read_usage(usage: dict[str, Any]) -> Usage:
    """The server's names; its ``inputTokens`` includes what came from the cache."""
    whole, cached = as_count(usage.get("inputTokens")), as_count(usage.get("cachedInputTokens")) or 0
    return Usage(
        input=None if whole is None else max(whole - cached, 0),
        output=as_count(usage.get("outputTokens")),
        cache_read=cached,
        reasoning=as_count(usage.get("reasoningOutputTokens")),
    )
