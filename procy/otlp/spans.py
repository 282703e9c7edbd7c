"""Rows as spans, by the names of the OpenTelemetry GenAI conventions (semantic-conventions-genai 0.1).

A session is a span, its turns are ``invoke_agent`` below it, their tool calls ``execute_tool`` and the gateway's exchanges
``chat`` below those. A sub-agent's session lies below the turn that it began in. Prompts, answers, and what tools got and
gave, are in no attribute unless they are asked for, and then masked.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from procy.otlp.span import Span, Value, span_id, trace_id
from procy.parse.redact import mask
from procy.store.db import from_iso

MS = 1_000_000
PROVIDERS = {  # how names of models and agents begin, and who makes them
    "claude": "anthropic", "gpt": "openai", "codex": "openai", "chatgpt": "openai", "o1": "openai", "o3": "openai",
    "o4": "openai", "gemini": "gcp.gemini", "deepseek": "deepseek", "mistral": "mistral_ai", "grok": "x_ai",
    "kimi": "moonshot_ai",
}  # fmt: skip
WIRES = {"anthropic-messages": "anthropic", "gemini": "gcp.gemini"}

Row = Mapping[str, Any] | sqlite3.Row


class Place(NamedTuple):
    """Where a session's spans hang: the trace of its outermost session, and what is above the session itself."""

    trace: bytes
    above: bytes = b""
    links: tuple[tuple[bytes, bytes], ...] = ()


class Teller:
    """``content``: prompts, answers, inputs and results are told too."""

    def __init__(self, content: bool) -> None:
        self.content = content

    def session(self, row: Row, place: Place, ended_ns: int) -> Span:
        attributes = {
            "session.id": row["id"],
            "gen_ai.conversation.id": row["agent_session_id"],
            "gen_ai.agent.name": row["agent"],
            "gen_ai.provider.name": provider(None, row["agent"]),
            "procy.session.origin": row["origin"],
            "procy.session.status": row["status"],
            "procy.cost_usd": row["cost_usd"],
            **self.said("procy.session.name", row["name"]),
            **self.said("process.command_line", row["command"]),
        }
        lost = "lost" if row["status"] == "lost" else ""
        return Span(
            row=row["id"], trace=place.trace, id=span_id(row["id"]), parent=place.above, links=place.links,
            name=f"session {row['agent']}", started_ns=from_iso(row["started_at"]), ended_ns=ended_ns,
            attributes=told(attributes), error=lost,
        )  # fmt: skip

    def turn(self, row: Row, session: Row, place: Place, files: int) -> Span:
        started, ended = span_of(row["started_at"], row["ended_at"])
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": provider(row["model"], session["agent"]),
            "gen_ai.agent.name": session["agent"],
            "gen_ai.conversation.id": row["agent_session_id"] or session["agent_session_id"],
            "gen_ai.request.model": row["model"],
            "gen_ai.response.model": row["model"],
            **usage(row),
            "session.id": session["id"],
            "procy.turn.id": row["id"],
            "procy.turn.seq": row["seq"],
            "procy.turn.origin": row["origin"],
            "procy.turn.kind": row["kind"],
            "procy.turn.source": row["source"],
            "procy.turn.status": row["status"],
            "procy.turn.files": files,
            "procy.try.id": row["try_id"],
            "procy.cost_usd": row["cost_usd"],
            **self.said("gen_ai.input.messages", row["prompt"], lambda text: messages("user", text)),
            **self.said("gen_ai.output.messages", row["response"], lambda text: messages("assistant", text, row["status"])),
        }
        return Span(
            row=row["id"], trace=place.trace, id=span_id(row["id"]), parent=span_id(session["id"]),
            name=f"invoke_agent {session['agent']}", started_ns=started, ended_ns=ended, attributes=told(attributes),
            error={"error": "_OTHER", "interrupted": "interrupted"}.get(row["status"], ""), message=self.words(row["error"]),
        )  # fmt: skip

    def call(self, row: Row, turn: Row, session: Row, place: Place) -> Span:
        started = from_iso(row["started_at"] or turn["started_at"])
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": row["name"],
            "gen_ai.tool.call.id": row["id"],
            "gen_ai.tool.type": "function",
            "gen_ai.agent.name": session["agent"],
            "gen_ai.conversation.id": turn["agent_session_id"] or session["agent_session_id"],
            "session.id": session["id"],
            "procy.tool.status": row["status"],
            **self.said("gen_ai.tool.call.arguments", row["input"]),
            **self.said("gen_ai.tool.call.result", row["result"]),
        }
        return Span(
            row=row["id"], trace=place.trace, id=span_id(row["id"]), parent=span_id(turn["id"]),
            name=f"execute_tool {row['name']}", started_ns=started, ended_ns=started + (row["duration_ms"] or 0) * MS,
            attributes=told(attributes), error={"error": "tool_error", "denied": "denied"}.get(row["status"], ""),
        )  # fmt: skip

    def exchange(self, row: Row, session: Row | None, place: Place) -> Span:
        started = from_iso(row["started_at"])
        parent = row["turn_id"] or row["session_id"]
        model = row["model"]
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": WIRES.get(row["wire"] or "") or provider(model, row["service"]),
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.response.id": row["request_id"],
            "gen_ai.conversation.id": row["agent_session_id"] or (session["agent_session_id"] if session else None),
            "gen_ai.response.time_to_first_chunk": None if row["first_byte_ms"] is None else row["first_byte_ms"] / 1000,
            **usage(row),
            "session.id": row["session_id"],
            "http.request.method": row["method"],
            "http.response.status_code": row["status"],
            "procy.exchange.id": row["id"],
            "procy.exchange.upstream": row["upstream"],
            "procy.exchange.wire": row["wire"],
            "procy.exchange.outcome": row["outcome"],
            "procy.cost_usd": row["cost_usd"],
        }
        return Span(
            row=row["id"], trace=place.trace, id=span_id(row["id"]), parent=span_id(parent) if session else b"",
            name=f"chat {model}" if model else "chat", kind="client", started_ns=started,
            ended_ns=started + round((row["duration_ms"] or 0) * MS), attributes=told(attributes), error=failure(row),
            message=self.words(row["error"]),
        )  # fmt: skip

    def said(self, name: str, text: str | None, form: Callable[[str], str] = str) -> dict[str, Value]:
        """An attribute with words of the user, the agent or its tools."""
        return {name: form(mask(text))} if self.content and text else {}

    def words(self, text: str | None) -> str:
        return mask(text) if self.content and text else ""


def told(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None and value != ""}


def usage(row: Row) -> dict[str, Value | None]:
    """The conventions count what a cache gave or took among the input."""
    parts = (row["input_tokens"], row["cache_read_tokens"], row["cache_write_tokens"])
    known = [part for part in parts if part is not None]
    return {
        "gen_ai.usage.input_tokens": sum(known) if known else None,
        "gen_ai.usage.output_tokens": row["output_tokens"],
        "gen_ai.usage.cache_read.input_tokens": row["cache_read_tokens"],
        "gen_ai.usage.cache_creation.input_tokens": row["cache_write_tokens"],
        "gen_ai.usage.reasoning.output_tokens": row["reasoning_tokens"],
    }


def provider(model: str | None, agent: str) -> str:
    """By the model's name where it says, else by the agent's."""
    for name in ((model or "").rpartition("/")[2].lower(), agent.lower()):
        if maker := next((maker for start, maker in PROVIDERS.items() if name.startswith(start)), ""):
            return maker
    return agent


def messages(role: str, text: str, status: str = "") -> str:
    """One message in the form of the conventions."""
    message: dict[str, Any] = {"role": role, "parts": [{"type": "text", "content": text}]}
    if role == "assistant":
        message["finish_reason"] = "stop" if status == "done" else "error"
    return json.dumps([message], ensure_ascii=False)


def failure(row: Row) -> str:
    """The class of an exchange's error: the status where that is one, else how it ended."""
    if row["outcome"] == "ok":
        return ""
    return str(row["status"]) if (row["status"] or 0) >= 400 else str(row["outcome"] or "_OTHER")


def span_of(started: str, ended: str) -> tuple[int, int]:
    first = from_iso(started)
    return first, max(from_iso(ended), first)


def place_of(session: Row, ancestors: list[Row], turn_above: str | None) -> Place:
    """``ancestors``: its parent and the parents of that, outermost last. One that has a pane of its own begins a trace."""
    if not ancestors:
        return Place(trace_id(session["id"]))
    if session["pane_id"] is not None or session["origin"] not in ("tmux", "import"):
        parent = place_of(ancestors[0], ancestors[1:], None)
        return Place(trace_id(session["id"]), links=((parent.trace, span_id(ancestors[0]["id"])),))
    return Place(place_of(ancestors[0], ancestors[1:], None).trace, span_id(turn_above or ancestors[0]["id"]))
