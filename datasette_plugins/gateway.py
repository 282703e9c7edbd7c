"""The gateway: upstreams and how they are doing, calls as they come, what they cost, and each of them in detail."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from datasette import Request, Response, hookimpl

from procy.errors import ConfigError, HandleError, ProcyError
from procy.gateway import edit, orders
from procy.gateway.address import running
from procy.gateway.balance import Pool, active_of, today_of
from procy.gateway.explain import explain
from procy.gateway.reload import Loaded, loaded_of
from procy.gateway.state import State, StateFile
from procy.places import Places
from procy.settings import load_settings
from procy.settings.upstreams import SERVICES
from procy.store import exchange_pages as store
from procy.store.db import iso
from procy.store.exchanges import read_body
from procy.ui import api_text, guard
from procy.ui.pages import Pages

PAGE = 50
DAYS = (1, 7, 30, 365)
SECTIONS = {  # tables that the page edits, and what is in them
    "gateway": "Routes, filters, balancing, defaults of models, ports.",
    "upstreams": "Addresses, keys by their places, priorities, limits, headers, fields.",
}
SIDES = ("request", "sent", "response")


@guard.page
def gateway(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    wanted = store.Wanted(
        words=guard.wanted(request),
        service=chosen(request, "service", SERVICES),
        failed=bool(request.args.get("failed")),
        session_id=request.args.get("session") or "",
        before=request.args.get("before") or "",
    )
    rows = store.calls(connection, wanted, PAGE + 1)
    by, days = chosen(request, "by", tuple(store.GROUPS)) or "upstream", guard.number(request, "days") or 30
    since = (datetime.now(timezone.utc) - timedelta(days=min(days, 36_500))).strftime("%Y-%m-%dT%H:%M:%S")
    sums = store.usage(connection, by, since)
    same = {name: request.args.get(name) or "" for name in ("q", "service", "failed", "session", "by", "days")}

    def address(**changes: str) -> str:
        return "?" + urlencode({name: value for name, value in {**same, **changes}.items() if value})

    context = {
        **steering(pages.places, request), "calls": rows[:PAGE], "wanted": wanted, "address": address,
        "older": address(before=rows[PAGE - 1]["id"]) if len(rows) > PAGE else None, "services": SERVICES,
        "by": by, "groups": list(store.GROUPS), "days": days, "choices": DAYS, "sums": sums,
        "names": store.session_names(connection, [row["name"] for row in sums if row["name"]]) if by == "session" else {},
    }  # fmt: skip
    return pages.html("gateway.html", context)


def chosen(request: Request, name: str, known: tuple[str, ...]) -> str:
    value = request.args.get(name) or ""
    return value if value in known else ""


def steering(places: Places, request: Request) -> dict[str, Any]:
    """What the settings and the state of upstreams say; settings that are wrong are told instead."""
    state, found = StateFile(places).read(), running(places)
    switches = [(iso(int(one.at * 1e9)), one) for one in state.switches[:-9:-1]]
    told: dict[str, Any] = {"running": found, "problem": "", "cards": [], "explained": None, "switches": switches}
    try:
        loaded = loaded_of(load_settings(places))
    except ConfigError as error:
        return {**told, "problem": str(error)}
    told["cards"] = [card(loaded, state, service) for service in SERVICES]
    told["broken"] = loaded.filters.broken
    told["fail_open"] = loaded.settings.gateway.fail_open
    model, service = request.args.get("explain"), chosen(request, "for", SERVICES)
    if model is not None and service:
        pool = Pool(random.Random(), state.health)
        told["explained"] = explain(loaded, pool, service, model.strip()[:200], time.time(), os.environ)
    return told


def card(loaded: Loaded, state: State, service: str) -> dict[str, Any]:
    now, upstreams = time.time(), loaded.of(service)
    pool, mode = Pool(random.Random(), state.health), loaded.settings.gateway.balance[service]
    active = active_of(upstreams)
    rows = []
    for one in upstreams:
        health = pool.of(one.name)
        found = health.state(now, today_of(now))
        used = found != "disabled" if mode != "active" else one is active
        rest_s = max(0, round(health.resting_until - now))
        rows.append({"settings": one, "health": health, "state": found, "active": one is active, "used": used, "rest_s": rest_s})
    return {"service": service, "mode": mode, "port": getattr(loaded.settings.gateway, f"{service}_port"), "upstreams": rows}


@guard.page
def call(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    key = guard.variable(request, "call")
    row = store.call(connection, key)
    if row is None:
        raise HandleError("there is no such call", "Look for it in the list of the gateway's calls")
    bodies = {side: read_body(connection, key, side) for side in SIDES}
    headers = {side: listed(read_body(connection, key, f"{side}_headers")) for side in SIDES}
    request_body, sent = bodies["request"], bodies["sent"]
    context = {
        "call": row, "headers": headers, "changes": listed(row["changes"]), "attempts": listed(row["attempts"]),
        "bodies": {side: None if body is None else api_text.readable(body) for side, body in bodies.items()},
        "diff": api_text.difference(request_body, sent) if request_body is not None and sent is not None else "",
        "said": api_text.answer_text(bodies["response"] or b"")[: api_text.LONGEST],
        "usage": json.dumps(json.loads(row["usage"]), indent=2) if row["usage"] else "",
    }  # fmt: skip
    return pages.html("gateway_call.html", context)


def listed(text: bytes | str | None) -> list[Any]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return found if isinstance(found, list) else []


@guard.action
def order(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    """``what``: use, reset, disable or test, of the upstream ``name``."""
    name, what, places = form.get("name", ""), form.get("what", ""), pages.places
    orders.check(places, name)
    if what == "use":
        service = orders.use(places, name).upstreams[name].service
        return {"done": f"{service} goes to {name}"}
    if what == "reset":
        orders.reset(places, name)
        return {"done": f"{name} is taken for healthy"}
    if what == "disable":
        orders.disable(places, name)
        return {"done": f"{name} is not used today"}
    if what == "test":
        found = orders.test(places, name)
        return {"done": f"{name}: {found.status or found.answer} after {found.ms} ms", "is_well": found.is_well}
    raise ProcyError("this page asks for what is not known here", "Load the page again")


@guard.page
def settings(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    texts, problem = dict.fromkeys(SECTIONS, ""), ""
    try:
        texts = {name: edit.section_text(pages.places, name) for name in SECTIONS}
    except ConfigError as error:
        problem = str(error)
    context = {"texts": texts, "problem": problem, "path": pages.places.config, "hints": SECTIONS}
    return pages.html("gateway_settings.html", context)


@guard.action
def save(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    """``text`` for the table ``section`` of the settings, in place of ``before``."""
    name = form.get("section", "")
    if name not in SECTIONS:
        raise ProcyError(f"this page does not change [{name}]", "Load the page again")
    text, before = (form.get(key, "").replace("\r\n", "\n") for key in ("text", "before"))
    edit.put_section(pages.places, name, before, text)
    return {"done": f"[{name}] was saved", "text": edit.section_text(pages.places, name)}


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/gateway$", gateway),
        (r"/-/procy/gateway/settings$", settings),
        (r"/-/procy/do/gateway-settings$", save),
        (r"/-/procy/gateway/(?P<call>[^/]+)$", call),
        (r"/-/procy/do/gateway$", order),
    ]
