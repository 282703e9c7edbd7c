"""Gemini CLI's ``--output-format stream-json``, as of 0.61.0. Text comes in pieces; a process answers one prompt."""

from __future__ import annotations

from typing import Any

from procy.parse.streams.events import Event
from procy.parse.transcripts.shapes import as_count, as_dict, as_json, as_text
from procy.types import Usage


class Gemini:
    """See ``procy.parse.streams.events.Dialect``."""

    def sent(self, record: dict[str, Any]) -> list[Event]:
        return []

    def said(self, record: dict[str, Any]) -> list[Event]:
        kind = record.get("type")
        if kind == "init":
            return [Event(kind="session", key=as_text(record.get("session_id")), name=as_text(record.get("model")))]
        if kind == "message":
            text = as_text(record.get("content"))
            if record.get("role") == "user":
                return [Event(kind="prompt", text=text)]
            return [Event(kind="text", text=text, delta=record.get("delta") is True)]
        if kind == "tool_use":
            key, name = as_text(record.get("tool_id")), as_text(record.get("tool_name"))
            return [Event(kind="call", key=key, name=name, text=as_json(record.get("parameters")))]
        if kind == "tool_result":
            status = "ok" if record.get("status") == "success" else "error"
            return [Event(kind="result", key=as_text(record.get("tool_id")), text=as_text(record.get("output")), status=status)]
        return [ending(record)] if kind == "result" else []


def ending(record: dict[str, Any]) -> Event:
    stats = as_dict(record.get("stats"))
    whole, cached = as_count(stats.get("input_tokens")), as_count(stats.get("cached")) or 0
    usage = Usage(
        input=None if whole is None else max(whole - cached, 0), output=as_count(stats.get("output_tokens")), cache_read=cached
    )
    done = record.get("status") == "success"
    words = as_text(as_dict(record.get("error")).get("message"))
    return Event(kind="end", status="done" if done else "error", text="" if done else words, usage=usage)
