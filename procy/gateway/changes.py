"""What becomes of a call on its way to one upstream: model, fields, headers, wire, filters; and a list of every difference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from procy.gateway.call import Call, Headers
from procy.gateway.decode import Undecodable, decoded
from procy.gateway.fields import apply_defaults, apply_fields, compact, defaults_for
from procy.gateway.filters import Filters, Rule, filtered
from procy.gateway.headers import apply_headers
from procy.gateway.masking import SECRET
from procy.gateway.reload import Loaded
from procy.gateway.steering import Attempt, Refused, Sent
from procy.gateway.translated import translated
from procy.settings.upstreams import FieldSettings, UpstreamSettings

Change = dict[str, Any]

ANSWERED = ("/messages", "/responses", "/chat/completions", ":generateContent", ":streamGenerateContent")  # by a model


def changed(call: Call, attempt: Attempt, upstream: UpstreamSettings, loaded: Loaded) -> Sent:
    """Raises Refused. Where no rule is on, path, query, headers and body are the call's very own."""
    sent = Sent(call.path, call.query, call.headers, call.body)
    if any(name.startswith("sec-websocket-") for name, _ in call.headers):
        check_socket(call, attempt, upstream, loaded)
    sent = with_model(call, sent, attempt)
    is_other = call.wire and (attempt.wire not in ("", call.wire) or upstream.quirks)
    sent = translated(call, attempt, as_read(sent) if is_other else sent, upstream.quirks) or sent
    sent = with_fields(call, sent, attempt, upstream, loaded)
    sent = with_headers(call, sent, attempt, upstream)
    return with_filters(sent, upstream.name, loaded)


def check_socket(call: Call, attempt: Attempt, upstream: UpstreamSettings, loaded: Loaded) -> None:
    """Messages of a WebSocket pass as they are. Raises Refused where a rule would have to change them: clients go on by HTTP."""
    gateway, fields = loaded.settings.gateway, upstream.fields
    reasons = {
        "filters": checked(loaded, upstream.name),
        "routes of models": [one for one in gateway.routes if one.service in ("", call.service) and (one.model or one.to_model)],
        "fields": fields.drop or fields.backfill or fields.default,
        "defaults of models": upstream.models or gateway.models,
        "another wire": call.wire and attempt.wire not in ("", call.wire),
    }
    if found := [name for name, rules in reasons.items() if rules]:
        raise Refused(
            426, f"the settings change calls to {upstream.name} ({', '.join(found)}), which a WebSocket hides", "Call by HTTP"
        )


def with_model(call: Call, sent: Sent, attempt: Attempt) -> Sent:
    """The model of the route, in the body or (gemini) in the path."""
    asked = None if attempt.model is None else readable(call).model
    if asked is None or attempt.model is None or attempt.model == asked:
        return sent
    why = next((one for one in attempt.why if one.startswith("route")), "route")
    told = {"what": "field", "name": "model", "from": asked, "to": attempt.model, "why": why}
    if call.wire == "gemini":
        path = sent.path.replace(f"/models/{asked}", f"/models/{quote(attempt.model, safe='')}", 1)
        return replace(sent, path=path, changes=[*sent.changes, {**told, "what": "path"}])
    body = opened(call, sent)
    return written(sent, {**body, "model": attempt.model}, [told])


def with_headers(call: Call, sent: Sent, attempt: Attempt, upstream: UpstreamSettings) -> Sent:
    settings = upstream.headers
    if settings.profile == "passthrough":
        return sent
    body = readable(replace(call, headers=sent.headers, body=sent.body)).json or {}
    streams = body.get("stream") is True or "stream" in sent.path.lower()
    wire = attempt.wire or call.wire
    headers, changes = apply_headers(sent.headers, settings, wire, streams=streams, has_body=bool(sent.body))
    return replace(sent, headers=headers, changes=[*sent.changes, *changes])


def with_fields(call: Call, sent: Sent, attempt: Attempt, upstream: UpstreamSettings, loaded: Loaded) -> Sent:
    settings, tables = upstream.fields, (upstream.models, loaded.settings.gateway.models)
    model = (attempt.model or readable(call).model or "") if any(tables) else ""
    defaults = defaults_for(model, *tables)
    if not sent.path.endswith(ANSWERED):
        settings, defaults = FieldSettings(drop=settings.drop), None
    if not sent.body or not (settings.drop or settings.backfill or settings.default or defaults):
        return sent
    body = opened(call, sent)
    changes: list[Change] = []
    if defaults:
        changes += apply_defaults(body, attempt.wire or call.wire, model, defaults)
    changes += apply_fields(body, settings, upstream.name)
    return written(sent, body, changes) if changes else sent


def readable(call: Call) -> Call:
    """With its body as it is under its encoding, where that can be read: for looking at it only."""
    try:
        body = plain(call.headers, call.body)
    except Refused:
        return call
    return call if body is call.body else replace(call, body=body)


def as_read(sent: Sent) -> Sent:
    body = plain(sent.headers, sent.body)
    return sent if body is sent.body else replace(sent, headers=unencoded(sent.headers), body=body)


def opened(call: Call, sent: Sent) -> dict[str, Any]:
    """The body's object, a copy of its own. Raises Refused where it has none."""
    body = replace(call, body=plain(sent.headers, sent.body)).json
    if body is None:
        raise Refused(
            400, "the body is no JSON object, and the settings change its fields", "Send one, or look at: procy gateway explain"
        )
    return body


def written(sent: Sent, body: dict[str, Any], changes: list[Change]) -> Sent:
    return replace(sent, headers=unencoded(sent.headers), body=compact(body), changes=[*sent.changes, *changes])


def with_filters(sent: Sent, upstream: str, loaded: Loaded) -> Sent:
    rules = checked(loaded, upstream)
    if not rules:
        return sent
    found = filtered(rules, plain(sent.headers, sent.body), sent.headers, secret_names(sent.headers), loaded.filters.seen)
    if not found.counts:
        return sent
    headers, body = (unencoded(found.headers), found.body) if sent.body else (found.headers, sent.body)
    return replace(sent, headers=headers, body=body, changes=[*sent.changes, *found.changes()])


def checked(loaded: Loaded, upstream: str) -> list[Rule]:
    """Raises Refused where a filter cannot do its work."""
    broken = loaded.filters.broken_for(upstream)
    if broken and not loaded.settings.gateway.fail_open:
        remedy = "Correct it, or set [gateway] fail_open = true to send calls without it"
        raise Refused(503, f"filter {broken.number} of the settings is broken, so nothing is sent to {upstream}", remedy)
    return loaded.filters.for_upstream(upstream)


def kept(call: Call, filters: Filters) -> Call:
    """The call as it may be stored: through every filter; without its body where that cannot be done."""
    if not filters.rules and not filters.broken:
        return call
    try:
        found = filtered(filters.rules, plain(call.headers, call.body), call.headers, secret_names(call.headers), filters.seen)
    except Refused:
        return replace(call, body=b"")
    if filters.broken:
        return replace(call, headers=found.headers, body=b"")
    return replace(call, headers=unencoded(found.headers), body=found.body) if found.counts else call


def plain(headers: Headers, body: bytes) -> bytes:
    """The body as it is under its encoding. Raises Refused: what cannot be read can be neither changed nor filtered."""
    encoding = next((value for name, value in headers if name == "content-encoding"), "")
    if not (encoding and body):
        return body
    try:
        return decoded(body, encoding)
    except Undecodable as error:
        raise Refused(
            415, f"the body cannot be read, and the settings change it: {error}", "Send it without content-encoding"
        ) from error


def unencoded(headers: Headers) -> Headers:
    return tuple(row for row in headers if row[0] not in ("content-encoding", "content-length"))


def secret_names(headers: Headers) -> list[str]:
    return [name for name, _ in headers if SECRET.search(name)]
