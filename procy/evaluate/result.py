"""What an evaluator returned, read with suspicion: the file that it wrote, else the last JSON object that it printed."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from procy.evaluate.contract import Contract

LARGEST = 8 << 20  # bytes of a result
MOST_EXTRA = 256 << 10  # characters of JSON of feedback, of artifacts
PARTS = ("metrics", "instances", "feedback", "artifacts", "valid", "schema")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """``wrong``: why it cannot be used, "" where it can; the rest is what could be read all the same."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    instances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    feedback: tuple[Any, ...] = ()
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    wrong: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


def read_result(contract: Contract, path: Path, lines: Sequence[str]) -> Result | None:
    """None where there is nothing to read."""
    found = None if contract.legacy else object_in(file_text(path))
    if found is None:
        found = next((one for line in reversed(lines) if (one := object_in(line)) is not None), None)
    if found is None:
        return None
    if contract.legacy or not isinstance(found.get("metrics"), dict):
        found = {"metrics": {name: value for name, value in found.items() if name not in PARTS}} | (
            {} if contract.legacy else {name: found[name] for name in PARTS if name in found and name != "metrics"}
        )
    return of_parts(contract, found)


def of_parts(contract: Contract, found: Mapping[str, Any]) -> Result:
    raw = found["metrics"]
    declared = {metric.name for metric in contract.metrics}
    metrics, wrong = numbers(raw, declared)
    instances = found.get("instances")
    if found.get("valid", True) is False:
        wrong = str(found.get("reason") or "the evaluator says that the result is not valid")
    return Result(
        metrics=metrics,
        instances={str(key): numbers(one, declared)[0] for key, one in instances.items() if isinstance(one, dict)}
        if isinstance(instances, dict)
        else {},
        feedback=bounded_list(found.get("feedback")),
        artifacts=bounded_map(found.get("artifacts")),
        wrong=wrong,
        raw=raw,
    )


def numbers(found: Mapping[str, Any], declared: set[str]) -> tuple[dict[str, float], str]:
    """What is a finite number; and what is wrong with a metric that the contract declares."""
    good: dict[str, float] = {}
    wrong = ""
    for name, value in found.items():
        number = as_number(value, name in declared)
        if number is not None and math.isfinite(number):
            good[str(name)] = number
        elif name in declared and not wrong:
            wrong = f"{name} is {short_json(value)}, and no number"
    return good, wrong


def as_number(value: object, truth: bool) -> float | None:
    """``truth``: whether true and false are 1 and 0."""
    if isinstance(value, bool):
        return float(value) if truth else None
    if not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def short_json(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:39] + "…"


def bounded_list(value: object) -> tuple[Any, ...]:
    """The first of them, as many as there is room for; one thing alone is a list of one."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    kept, room = [], MOST_EXTRA
    for item in items:
        room -= len(json.dumps(item))
        if room < 0:
            break
        kept.append(item)
    return tuple(kept)


def bounded_map(value: object) -> dict[str, Any]:
    items = [*value.items()] if isinstance(value, dict) else []
    return dict(items[: len(bounded_list([list(item) for item in items]))])


def object_in(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def file_text(path: Path) -> str:
    """Of a plain file; "" for anything else."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return ""
        return file.read(LARGEST).decode("utf-8", "replace")
