"""The conversation that a request repeats, of any wire: who said what, which tools were called, and what they gave.

Unlike the readers that translate, this one refuses nothing: what it does not know is left out. Shapes: Anthropic's Messages,
OpenAI's Chat Completions and Responses, and Gemini's generateContent, by their API references.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from procy.parse.wire.fields import listing, mapping, string
from procy.parse.wire.neutral import Call, Reply, Result, Text

Part = Text | Call | Result
ELEMENT = re.compile(r"\s*<([\w-]+)[^>]*>.*</\1>\s*", re.DOTALL)  # what a program puts beside a prompt for the model to know


class Message(NamedTuple):
    """``role``: user for what is told to the model, results of tools too; other for what the program sets up."""

    role: Literal["user", "assistant", "other"]
    parts: tuple[Part, ...]

    @property
    def digest(self) -> bytes:
        """The same for what says the same."""
        said = [(type(part).__name__, *(str(value) for value in told(part))) for part in self.parts]
        return hashlib.sha256(json.dumps([self.role, said]).encode("utf-8", "replace")).digest()[:16]

    @property
    def results(self) -> list[Result]:
        return [part for part in self.parts if isinstance(part, Result)]

    @property
    def prompt(self) -> str:
        """What the human says there; "" where tools answer, or only the program speaks."""
        if self.role != "user" or any(not result.failed for result in self.results):
            return ""
        texts = [part.text for part in self.parts if isinstance(part, Text)]
        return "\n".join(text for text in texts if text.strip() and not ELEMENT.fullmatch(text)).strip()


def told(part: Part) -> tuple[object, ...]:
    """What a part says, without names that a wire makes up anew."""
    if isinstance(part, Result):
        return (part.call_id, *(one.text for one in part.parts if isinstance(one, Text)))
    return (part.text,) if isinstance(part, Text) else (part.name, part.arguments)


class Talk(NamedTuple):
    """``follows``: the reply that it goes on from, where the wire names it instead of telling it again."""

    messages: tuple[Message, ...]
    has_tools: bool = False
    follows: str = ""

    @property
    def tail(self) -> tuple[Message, ...]:
        """What was said since the model spoke last."""
        spoken = [place for place, message in enumerate(self.messages) if message.role == "assistant"]
        return self.messages[spoken[-1] + 1 if spoken else 0 :]

    @property
    def prompt(self) -> str:
        """The last thing that the human said since then; "" for nothing."""
        return next((prompt for message in reversed(self.tail) if (prompt := message.prompt)), "")

    def named(self, reply: Reply) -> Reply:
        """An answer to it, in which every call has an id."""
        calls = [part for message in self.messages for part in message.parts if isinstance(part, Call)]
        count = Counter[tuple[type, str]]((Call, call.name) for call in calls)
        parts = tuple(numbered(part, count) if isinstance(part, Call) else part for part in reply.parts)
        return replace(reply, parts=parts)  # type: ignore[arg-type]


def read_talk(wire: str, body: bytes) -> Talk | None:
    """None where the body is no request of that wire that asks for an answer."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    reader = READERS.get(wire)
    if reader is None or not isinstance(value, dict):
        return None
    messages = tuple(message for message in reader(value) if message.parts)
    return Talk(messages, bool(value.get("tools")), string(value.get("previous_response_id"))) if messages else None


def _anthropic(body: dict[str, Any]) -> Iterator[Message]:
    for message in listing(body.get("messages")):
        parts = tuple(part for block in _blocks(message.get("content")) if (part := _anthropic_part(block)))
        yield Message(_role(message.get("role")), parts)


def _anthropic_part(block: dict[str, Any]) -> Part | None:
    match block.get("type"):
        case "text":
            return Text(string(block.get("text")))
        case "tool_use":
            return Call(string(block.get("id")), string(block.get("name")), _as_json(block.get("input")))
        case "tool_result":
            text = _text(block.get("content"))
            return Result(string(block.get("tool_use_id")), (Text(text),), failed=block.get("is_error") is True)
        case _:
            return None


def _chat(body: dict[str, Any]) -> Iterator[Message]:
    for message in listing(body.get("messages")):
        role, text = message.get("role"), _text(message.get("content"))
        if role in ("tool", "function"):
            yield Message("user", (Result(string(message.get("tool_call_id")), (Text(text),)),))
            continue
        parts: list[Part] = [Text(text)] if text else []
        for call in listing(message.get("tool_calls")):
            what = mapping(call.get("function")) or mapping(call.get("custom"))
            parts.append(
                Call(string(call.get("id")), string(what.get("name")), string(what.get("arguments") or what.get("input")))
            )
        yield Message(_role(role), tuple(parts))


def _responses(body: dict[str, Any]) -> Iterator[Message]:
    given = body.get("input")
    if isinstance(given, str):
        yield Message("user", (Text(given),) if given else ())
    for item in listing(given):
        kind, name = string(item.get("type")) or "message", string(item.get("call_id"))
        if kind == "message":
            text = _text(item.get("content"))
            yield Message(_role(item.get("role")), (Text(text),) if text else ())
        elif kind.endswith("_call_output"):
            yield Message("user", (Result(name, (Text(_text(item.get("output"))),)),))
        elif kind.endswith("_call"):
            given_to = string(item.get("arguments") or item.get("input")) or _as_json(item.get("action"))
            yield Message("assistant", (Call(name, string(item.get("name")) or kind, given_to),))


def _gemini(body: dict[str, Any]) -> Iterator[Message]:
    count: Counter[tuple[type, str]] = Counter()
    for content in listing(body.get("contents")):
        found = (gemini_part(one) for one in listing(content.get("parts")))
        parts = tuple(numbered(part, count) for part in found if part)
        yield Message("assistant" if content.get("role") == "model" else "user", parts)


def gemini_part(part: dict[str, Any]) -> Part | None:
    """Calls may have no ids, see ``numbered``."""
    if part.get("thought") is True:
        return None
    if call := mapping(part.get("functionCall")):
        return Call(string(call.get("id")), string(call.get("name")), _as_json(call.get("args")))
    if result := mapping(part.get("functionResponse")):
        response = mapping(result.get("response"))
        text = next((string(response.get(name)) for name in ("output", "error", "result") if response.get(name)), "")
        failed = "error" in response and "output" not in response
        key = string(result.get("id")) or f"{string(result.get('name'))}#"
        return Result(key, (Text(text or _as_json(response)),), failed=failed)
    text = string(part.get("text"))
    return Text(text) if text else None


def numbered(part: Part, count: Counter[tuple[type, str]]) -> Part:
    """A call without an id gets its tool's name and how many of that tool there were before; so does its result."""
    if isinstance(part, Call) and not part.id:
        count[Call, part.name] += 1
        return replace(part, id=f"{part.name}#{count[Call, part.name]}")
    if isinstance(part, Result) and part.call_id.endswith("#"):
        count[Result, part.call_id] += 1
        return replace(part, call_id=f"{part.call_id}{count[Result, part.call_id]}")
    return part


READERS: dict[str, Callable[[dict[str, Any]], Iterator[Message]]] = {
    "anthropic-messages": _anthropic,
    "openai-chat": _chat,
    "openai-responses": _responses,
    "gemini": _gemini,
}


def _role(role: Any) -> Literal["user", "assistant", "other"]:
    return role if role in ("user", "assistant") else "other"


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else listing(content)


def _text(content: Any) -> str:
    """A text, or the texts of a list of parts."""
    return "\n".join(string(block.get("text")) or string(block.get("refusal")) for block in _blocks(content)).strip("\n")


def _as_json(value: Any) -> str:
    return json.dumps(value if value is not None else {}, ensure_ascii=False)
