"""``codex exec --json``: threads, turns and items. Seen in 0.169.0. No line carries a time, and text does not stream."""

from __future__ import annotations

from typing import Any, Literal

from procy.parse.streams.events import Event
from procy.parse.transcripts.codex import read_usage
from procy.parse.transcripts.shapes import as_dict, as_json, as_list, as_text
from procy.types import FileChange

CHANGES: dict[str, Literal["added", "modified", "deleted"]] = {"add": "added", "delete": "deleted", "update": "modified"}


class CodexExec:
    """See ``procy.parse.streams.events.Dialect``."""

    def sent(self, record: dict[str, Any]) -> list[Event]:
        return []

    def said(self, record: dict[str, Any]) -> list[Event]:
        kind, item = as_text(record.get("type")), as_dict(record.get("item"))
        if kind == "thread.started":
            return [Event(kind="session", key=as_text(record.get("thread_id")))]
        if kind == "turn.started":
            return [Event(kind="begin")]
        if kind == "turn.completed":
            return [Event(kind="end", status="done", usage=read_usage(as_dict(record.get("usage"))))]
        if kind == "turn.failed":
            return [Event(kind="end", status="error", text=as_text(as_dict(record.get("error")).get("message")))]
        if kind == "item.started":
            return started(item)
        return completed(item) if kind == "item.completed" else []


def started(item: dict[str, Any]) -> list[Event]:
    key, kind = as_text(item.get("id")), item.get("type")
    if kind == "command_execution":
        return [Event(kind="call", key=key, name="Bash", text=as_json({"command": item.get("command")}))]
    if kind == "mcp_tool_call":
        return [Event(kind="call", key=key, name=as_text(item.get("tool")), text=as_json(item.get("arguments")))]
    return []


def completed(item: dict[str, Any]) -> list[Event]:
    key, kind = as_text(item.get("id")), item.get("type")
    if kind == "agent_message":
        return [Event(kind="text", text=as_text(item.get("text")))]
    if kind == "reasoning":
        return [Event(kind="thinking", text=as_text(item.get("text")))]
    if kind in ("command_execution", "mcp_tool_call"):
        status = "denied" if item.get("status") == "declined" else "ok" if item.get("status") == "completed" else "error"
        text = as_text(item.get("aggregated_output")) or (as_json(item["result"]) if item.get("result") else "")
        return [*started(item), Event(kind="result", key=key, text=text, status=status)]
    if kind == "file_change":
        return [Event(kind="file", file=file_change(one)) for one in map(as_dict, as_list(item.get("changes")))]
    return []


def file_change(one: dict[str, Any]) -> FileChange:
    return FileChange(path=as_text(one.get("path")), change=CHANGES.get(as_text(one.get("kind")), "modified"))
