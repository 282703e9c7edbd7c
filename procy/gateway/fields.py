"""Fields of a JSON body that the settings of an upstream drop, fill or default; every change is told."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

from procy.gateway.routes import matches
from procy.settings.upstreams import FieldSettings, ModelDefaults

MISSING = object()
Change = dict[str, Any]

PLACES = {  # where each wire has what a model is told about its effort
    "openai-responses": {"effort": "reasoning.effort", "verbosity": "text.verbosity", "summary": "reasoning.summary"},
    "openai-chat": {"effort": "reasoning_effort", "verbosity": "verbosity"},
    "anthropic-messages": {"effort": "output_config.effort"},
}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")  # in this order: the nearest one is taken
KNOWN_EFFORTS = {"gpt-5-codex*": ("low", "medium", "high")}  # of models that refuse some; from their maker's documentation


def get(body: Mapping[str, Any], path: str) -> Any:
    """``MISSING`` where there is none."""
    found: Any = body
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return MISSING
        found = found[name]
    return found


def put(body: dict[str, Any], path: str, value: Any) -> bool:
    """Whether there was a place for it: something on the way that is no object has none."""
    *outer, last = path.split(".")
    for name in outer:
        if body.get(name) is None:
            body[name] = {}
        if not isinstance(body[name], dict):
            return False
        body = body[name]
    body[last] = value
    return True


def drop(body: dict[str, Any], path: str) -> None:
    *outer, last = path.split(".")
    for name in outer:
        body = body[name]
    del body[last]


def change(name: str, old: Any, new: Any, why: str) -> Change:
    return {"what": "field", "name": name, "from": None if old is MISSING else old, "to": new, "why": why}


def apply_fields(body: dict[str, Any], settings: FieldSettings, where: str) -> list[Change]:
    """Changes ``body`` in place. ``where``: the name of the upstream, for the reasons."""
    changes = []
    for path in settings.drop:
        if (old := get(body, path)) is not MISSING:
            drop(body, path)
            changes.append(change(path, old, None, f"{where} drops it"))
    for path, value in settings.backfill.items():
        if (old := get(body, path)) in (MISSING, None) and put(body, path, copy.deepcopy(value)):
            changes.append(change(path, old, value, f"{where} fills it in"))
    for path, value in settings.default.items():
        if get(body, path) is MISSING and put(body, path, copy.deepcopy(value)):
            changes.append(change(path, MISSING, value, f"default of {where}"))
    return changes


def defaults_for(model: str, *tables: Iterable[ModelDefaults]) -> ModelDefaults | None:
    """The first that names the model, its own name before a glob; an upstream's before the gateway's."""
    for table in tables:
        rows = list(table)
        for row in (*(row for row in rows if row.pattern == model), *(row for row in rows if matches(row.pattern, model))):
            return row
    return None


def apply_defaults(body: dict[str, Any], wire: str, model: str, defaults: ModelDefaults) -> list[Change]:
    """Effort, verbosity and summary where the client says nothing; an effort that the model does not know becomes the nearest."""
    changes = []
    for name, path in PLACES.get(wire, {}).items():
        value, old = getattr(defaults, name), get(body, path)
        if value and old is MISSING and put(body, path, value):
            changes.append(change(path, old, value, f"default for {defaults.pattern}"))
    path = PLACES.get(wire, {}).get("effort", "")
    known = defaults.efforts or next((efforts for pattern, efforts in KNOWN_EFFORTS.items() if matches(pattern, model)), ())
    asked = get(body, path) if path else MISSING
    if known and isinstance(asked, str) and asked not in known:
        near = nearest(asked, known)
        put(body, path, near)
        changes.append(change(path, asked, near, f"{model} knows only {', '.join(known)}"))
    return changes


def nearest(asked: str, known: Iterable[str]) -> str:
    """The known effort nearest to the one asked for; of two as near the smaller."""
    choices = list(known)
    if asked not in EFFORTS:
        return choices[0]
    return min(choices, key=lambda one: abs(EFFORTS.index(one) - EFFORTS.index(asked)) if one in EFFORTS else len(EFFORTS))


def compact(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a pair, as JSON may have it escaped
        return json.dumps(body, separators=(",", ":")).encode()
