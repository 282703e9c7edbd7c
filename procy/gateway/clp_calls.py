"""The calls that CLP (seed 002) has logged, and the sums of those it has forgotten, as rows of ``exchanges``.

A row's id comes from its source, so that importing twice changes nothing; a sum that grew replaces the one before.
"""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from procy.gateway.clp import SERVICES, as_dict, number
from procy.gateway.masking import scrubbed_text, secrets_in
from procy.gateway.rows import Rows
from procy.ids import derived_id
from procy.settings.upstreams import SERVICE_WIRE
from procy.store.db import iso
from procy.store.exchanges import put_exchange
from procy.store.parts import split_body

CLIENT = "clp"  # stands where a user agent would
SUM = "history_usage.json"  # stands where a path would


def put_calls(
    connection: sqlite3.Connection, rows: Rows, lines: Iterable[str], names: Mapping[tuple[str, str], str]
) -> tuple[int, int]:
    """Lines of ``proxy_requests.jsonl``. Returns how many calls were put, and how many lines cannot be read."""
    done = bad = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            put_call(connection, rows, entry, line, names)
        except (ValueError, TypeError, KeyError, AttributeError):
            bad += 1
        else:
            done += 1
    return done, bad


def put_call(
    connection: sqlite3.Connection, rows: Rows, entry: Mapping[str, Any], line: str, names: Mapping[tuple[str, str], str]
) -> None:
    service, status = str(entry["service"]), int(entry["status_code"])
    when = datetime.fromisoformat(entry["timestamp"])  # of the zone that CLP ran in: this one
    started_ns = int(when.timestamp() * 1e9)
    key = derived_id(started_ns, "clp", line)
    request, sent, reply = (decoded(entry.get(name)) for name in ("original_body", "filtered_body", "response_content"))
    model = split_body(request or sent).model
    values = {
        **common(service, str(entry.get("channel") or ""), names, as_dict(as_dict(entry.get("usage")).get("metrics"))),
        "method": str(entry["method"]),
        "path": scrubbed_text(urlsplit(str(entry["path"])).path, ()),
        "model": model,
        "status": status,
        "outcome": "ok" if status < 400 else "upstream_error",
        "started_at": iso(started_ns),
        "duration_ms": number(entry.get("duration_ms")),
        "usage": json.dumps(raw) if (raw := as_dict(as_dict(entry.get("usage")).get("raw"))) else None,
        "request_bytes": len(request),
        "response_bytes": int(number(entry.get("response_bytes"))) or len(reply),
    }
    put_exchange(connection, key, values)
    if rows.raw == "drop":
        return
    headers = [
        (str(name).lower(), str(value))
        for kind in ("original_headers", "target_headers")
        for name, value in as_dict(entry.get(kind)).items()
    ]
    secrets = secrets_in(tuple(headers))
    for side, body in (("request", request), ("sent", sent if sent != request else b""), ("response", reply)):
        if body:
            rows.body(connection, key, side, split_body(body).pieces, secrets)


def put_sums(connection: sqlite3.Connection, history: Mapping[str, Any], at_ns: int, names: Mapping[tuple[str, str], str]) -> int:
    """``history_usage.json``: one row for each config of a service, with the tokens of all calls that were forgotten."""
    count = 0
    for service, configs in history.items():
        for name, metrics in as_dict(configs).items():
            if service not in SERVICES or not any(number(one) for one in as_dict(metrics).values()):
                continue
            values = {
                **common(service, name, names, as_dict(metrics)),
                "method": "",
                "path": SUM,
                "outcome": "ok",
                "started_at": iso(at_ns),
            }
            key = derived_id(0, "clp", SUM, service, name)
            connection.execute("DELETE FROM exchanges WHERE id = ?", (key,))
            put_exchange(connection, key, values)
            count += 1
    return count


def common(service: str, config: str, names: Mapping[tuple[str, str], str], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """CLP's metrics in our words: OpenAI's input tokens are with those from the cache, ours without. Raises KeyError."""
    tokens = {name: int(number(metrics.get(name))) for name in ("input", "cached_create", "cached_read", "output", "reasoning")}
    if service != "claude":
        tokens["input"] = max(0, tokens["input"] - tokens["cached_read"])
    return {
        "service": SERVICES[service],
        "wire": SERVICE_WIRE[SERVICES[service]],
        "upstream": names.get((service, config), config) or None,
        "client": CLIENT,
        "input_tokens": tokens["input"],
        "output_tokens": tokens["output"],
        "cache_read_tokens": tokens["cached_read"],
        "cache_write_tokens": tokens["cached_create"],
        "reasoning_tokens": tokens["reasoning"],
    }


def decoded(value: Any) -> bytes:
    try:
        return base64.b64decode(value or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return b""
