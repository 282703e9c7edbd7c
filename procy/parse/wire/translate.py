"""A request of one wire as a request of another. Its answer is for ``answer.Answer``.

    asked = translate_request("anthropic-messages", "openai-chat", "/v1/messages", body)
    …send asked.body to asked.path…

What cannot be said on the upstream's wire is a ``WireError`` that names the field. What is left out without harm is in
``Translated.lost``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from procy.errors import WireError
from procy.parse.wire import flat, seals
from procy.parse.wire.dialects import DIALECTS, Dialect, dialect_of
from procy.parse.wire.fields import Losses, mapping
from procy.parse.wire.neutral import Request, Turn, merged

CHAT = "openai-chat"
NO_STREAM_WITH_TOOLS = "no-stream-with-tools"
QUIRKS = {
    NO_STREAM_WITH_TOOLS: "of openai-chat: a call with tools is answered whole, and streamed again for a client that streams",
    "reasoning-back": "of openai-chat: what the model reasoned goes back to it in reasoning_content, as some servers want it",
    "system-first": "instructions in the middle of a conversation go as the user's, for models that take them at the start only",
    "plain-content": "of openai-chat: several texts of the user's go as one, for servers that take no list",
    "no-stream-options": "of openai-chat: stream_options is left out, and usage is not known of streams",
    "max-completion-tokens": "of openai-chat: the limit is called max_completion_tokens, as OpenAI's reasoning models want it",
}


@dataclass(frozen=True, kw_only=True)
class Translated:
    """``body`` goes to ``path`` of the upstream. ``streams`` is what the client wants, ``upstream_streams`` what was asked
    for it. ``lost`` says what was left out or changed, each as "field: why"."""

    client: str
    upstream: str
    path: str
    body: dict[str, Any]
    lost: tuple[str, ...] = ()
    streams: bool = False
    upstream_streams: bool = False
    counts: bool = False
    names: flat.Names = field(default_factory=flat.Names)
    tool_choice: Any = "auto"
    parallel: bool = True
    usage_wanted: bool = True


def is_needed(client: str, upstream: str, raw: bytes, quirks: Sequence[str] = ()) -> bool:
    """Whether a request may not go as it is: the wires differ, or a quirk may be in its way, or it holds reasoning that a
    translation brought (see ``seals``)."""
    may_differ = client in DIALECTS and f'"{seals.MARK}.'.encode() in raw
    return client != upstream or may_differ or (upstream == CHAT and NO_STREAM_WITH_TOOLS in quirks)


def translate_request(client: str, upstream: str, path: str, body: Mapping[str, Any], quirks: Sequence[str] = ()) -> Translated:
    """``path`` as the client asked, with or without ``/v1``. Raise ``WireError`` for what the upstream's wire cannot say."""
    ours, theirs = dialect_of(client), dialect_of(upstream)
    counts = _is(path, ours.counting)
    if not counts and not _is(path, ours.path):
        raise WireError(f"{path} has no counterpart on {upstream}", "Use an upstream whose wire the client speaks.", status=404)
    if counts and not theirs.counting:
        raise WireError(f"{upstream} cannot count tokens", "Estimate them, or use an upstream whose wire the client speaks.", 404)
    if client == upstream:
        return _same(theirs, path, dict(body), quirks)
    losses = Losses()
    request = ours.read_request(dict(body), losses, upstream)
    written = theirs.write_request(_suited(request, theirs, quirks, losses), losses, quirks)
    if counts:
        written = {name: value for name, value in written.items() if name in theirs.counted}
    return Translated(
        client=client,
        upstream=upstream,
        path=theirs.counting if counts else theirs.path,
        body=written,
        lost=tuple(one for one in losses.all if not counts or not one.startswith("max_tokens")),
        streams=request.stream,
        upstream_streams=bool(written.get("stream")),
        counts=counts,
        names=flat.names_of(request.tools) if theirs.functions_only else flat.Names(),
        tool_choice=body.get("tool_choice") or "auto",
        parallel=request.parallel is not False,
        usage_wanted=request.usage_wanted,
    )


def _is(path: str, known: str) -> bool:
    return bool(known) and path.rstrip("/") in (known, known.removeprefix("/v1"))


def _suited(request: Request, theirs: Dialect, quirks: Sequence[str], losses: Losses) -> Request:
    if _answers_whole(request.stream, bool(request.tools), theirs, quirks):
        request = replace(request, stream=False)
    if "system-first" in quirks and any(turn.role == "system" for turn in request.turns[1:]):
        losses.note("system", "instructions in the middle go as the user's")
        later = (Turn("user", turn.parts) if turn.role == "system" else turn for turn in request.turns[1:])
        request = replace(request, turns=merged([*request.turns[:1], *later]))
    return request


def _answers_whole(stream: bool, tools: bool, theirs: Dialect, quirks: Sequence[str]) -> bool:
    return stream and tools and theirs.wire == CHAT and NO_STREAM_WITH_TOOLS in quirks


def _same(dialect: Dialect, path: str, body: dict[str, Any], quirks: Sequence[str]) -> Translated:
    """Nothing changes but what the quirk wants, and reasoning that a translation brought is left out."""
    losses = Losses()
    body, streams = _without_foreign(body, losses), bool(body.get("stream"))
    asked_usage = bool(mapping(body.get("stream_options")).get("include_usage"))
    if _answers_whole(streams, bool(body.get("tools")), dialect, quirks):
        body = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
    return Translated(
        client=dialect.wire,
        upstream=dialect.wire,
        path=path,
        body=body,
        lost=losses.all,
        streams=streams,
        upstream_streams=bool(body.get("stream")),
        usage_wanted=asked_usage,
    )


def _without_foreign(body: dict[str, Any], losses: Losses) -> dict[str, Any]:
    def own(one: Any) -> bool:
        values = [one.get(name) for name in ("signature", "data", "encrypted_content")] if isinstance(one, dict) else []
        foreign = any(isinstance(value, str) and seals.is_foreign(value) for value in values)
        if foreign:
            losses.note("reasoning", "it is another provider's, and goes back to no other")
        return not foreign

    changed = dict(body)
    for name in ("input", "messages"):
        if isinstance(body.get(name), list):
            changed[name] = [_filtered(item, own) for item in body[name] if own(item)]
    return changed


def _filtered(item: Any, own: Any) -> Any:
    if isinstance(item, dict) and isinstance(item.get("content"), list):
        return {**item, "content": [block for block in item["content"] if own(block)]}
    return item
