"""``.procy/eval.toml``, read into a contract. What is wrong is an error that names file, key and remedy.

Example, with every key (``docs/evaluate.md`` says what each means)::

    name = "search"
    command = "python3 bench/eval.py"   # a line for sh, or a list of words
    timeout = 600                       # seconds, of every stage and guard
    repeats = 8
    objective = "qps"
    ties = ["build_time_s"]
    constraints = ["recall >= 0.95"]
    guards = ["python3 -m pytest -q tests"]
    protect = ["tests/**"]
    pin = ["bench/*.py"]
    link = ["data"]
    seeds = [1, 2, 3]
    env = ["DATA_DIR", "OMP_NUM_THREADS=1"]
    network = false
    sandbox = true

    [metrics]
    recall = "maximize"
    qps = { direction = "maximize", unit = "1/s", kind = "time", min = 10 }
    build_time_s = { direction = "minimize", max = 60 }

    [stages.smoke]
    command = "python3 bench/eval.py --quick"
    timeout = 30

    [resources]
    memory_mb = 4096
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from procy.errors import ConfigError
from procy.evaluate.contract import DEFAULT_TIMEOUT_S, KINDS, STAGES, Contract, Metric, Resources, Stage
from procy.evaluate.naming import direction_of, kind_of
from procy.settings.read import check_keys, typed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KEYS = ("name", "command", "timeout", "repeats", "objective", "ties", "constraints", "guards", "protect", "pin", "link", "seeds",
        "env", "network", "sandbox", "metrics", "stages", "resources")  # fmt: skip
DIRECTIONS = {"maximize": "maximize", "maximise": "maximize", "minimize": "minimize", "minimise": "minimize"}
CONSTRAINT = re.compile(r"\s*([^\s<>=]+)\s*(>=|<=)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Definition:
    """A contract, and which more of its files are to be pinned: paths or globs, from ``contract.cwd``."""

    contract: Contract
    pin: tuple[str, ...] = ()


def read_file(path: Path, cwd: str = "") -> Definition:
    """``cwd``: the directory, in its work tree, that holds its ``.procy``. Raises ConfigError."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"there is no {path}", "Write it, or give a script: procy eval set FILE") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", "Make it readable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", "Correct that line") from error
    return read_definition(found, str(path), cwd)


def read_definition(found: Mapping[str, Any], path: str, cwd: str = "", metrics_needed: bool = True) -> Definition:
    check_keys(found, list(KEYS), path, "")
    metrics = constrained(read_metrics(found, path, metrics_needed), strings(found, "constraints", path), path)
    names = [metric.name for metric in metrics]
    objective = typed(found.get("objective", names[0] if names else ""), str, path, "objective")
    for key, wanted in (("objective", [objective]), ("ties", strings(found, "ties", path))):
        for name in wanted:
            if metrics and name not in names:
                raise ConfigError(f"{path}: {key} names {name!r}, which is no metric", f"Metrics are: {', '.join(names)}")
    contract = Contract(
        name=typed(found.get("name", Path(path).resolve().parent.parent.name or "evaluator"), str, path, "name"),
        stages=read_stages(found, path),
        metrics=metrics,
        objective=objective,
        ties=strings(found, "ties", path),
        guards=tuple(words(guard, path, "guards") for guard in typed(found.get("guards", []), list, path, "guards")),
        protected=strings(found, "protect", path),
        links=inside(strings(found, "link", path), path, "link"),
        env=strings(found, "env", path),
        network=typed(found.get("network", False), bool, path, "network"),
        sandbox=typed(found.get("sandbox", True), bool, path, "sandbox"),
        resources=read_resources(found, path),
        seeds=tuple(typed(seed, int, path, "seeds") for seed in typed(found.get("seeds", []), list, path, "seeds")),
        cwd=cwd,
    )
    return Definition(contract, inside(strings(found, "pin", path), path, "pin"))


# -- metrics ------------------------------------------------------------------------------------------------------------


def read_metrics(found: Mapping[str, Any], path: str, needed: bool) -> tuple[Metric, ...]:
    table = typed(found.get("metrics", {}), dict, path, "metrics")
    if not table and needed:
        raise ConfigError(f"{path}: no metric is named", 'Add: [metrics] and below it, for each, NAME = "maximize" or "minimize"')
    return tuple(read_metric(value, path, name) for name, value in table.items())


def read_metric(value: object, path: str, name: str) -> Metric:
    key = f"metrics.{name}"
    table = {"direction": value} if isinstance(value, str) else typed(value, dict, path, key)
    check_keys(table, ["direction", "unit", "kind", "min", "max"], path, f"{key}.")
    direction = table.get("direction", direction_of(name))
    if direction not in DIRECTIONS:
        raise ConfigError(f"{path}: {key} = {direction!r} is neither maximize nor minimize", "Choose one of them")
    kind = table.get("kind", kind_of(name))
    if kind not in (*KINDS, ""):
        raise ConfigError(f"{path}: {key}.kind = {kind!r} is none of {', '.join(KINDS)}", "Choose one of them")
    return Metric(
        name=name,
        direction=DIRECTIONS[direction],  # type: ignore[arg-type]
        unit=typed(table.get("unit", ""), str, path, f"{key}.unit"),
        kind=kind,  # type: ignore[arg-type]
        at_least=number(table, "min", path, key),
        at_most=number(table, "max", path, key),
    )


def constrained(metrics: tuple[Metric, ...], constraints: Sequence[str], path: str) -> tuple[Metric, ...]:
    """The metrics with lines such as ``recall >= 0.95`` put in."""
    found = {metric.name: metric for metric in metrics}
    for text in constraints:
        match = CONSTRAINT.fullmatch(text)
        if not match or match[1] not in found:
            raise ConfigError(f"{path}: constraints: {text!r} is not understood", "Write METRIC >= NUMBER or METRIC <= NUMBER")
        side = "at_least" if match[2] == ">=" else "at_most"
        found[match[1]] = replace(found[match[1]], **{side: float(match[3])})  # type: ignore[arg-type]
    return tuple(found.values())


# -- the rest -----------------------------------------------------------------------------------------------------------


def read_stages(found: Mapping[str, Any], path: str) -> tuple[Stage, ...]:
    table = typed(found.get("stages", {}), dict, path, "stages")
    check_keys(table, list(STAGES), path, "stages.")
    whole = {key: found[key] for key in ("command", "timeout", "repeats") if key in found}
    return tuple(
        read_stage({**whole, **typed(table.get(name, {}), dict, path, f"stages.{name}")}, path, name)
        for name in STAGES
        if name in table or name == "full"
    )


def read_stage(table: Mapping[str, Any], path: str, name: str) -> Stage:
    check_keys(table, ["command", "timeout", "repeats"], path, f"stages.{name}.")
    if "command" not in table:
        raise ConfigError(f"{path}: command is missing", 'Add, for example: command = "python3 bench/eval.py"')
    timeout = typed(table.get("timeout", DEFAULT_TIMEOUT_S), (int, float), path, "timeout")
    repeats = typed(table.get("repeats", 8), int, path, "repeats")
    if timeout <= 0 or repeats < 1:
        raise ConfigError(f"{path}: timeout and repeats of stage {name} must be positive", "Correct that line")
    return Stage(name=name, command=words(table["command"], path, "command"), timeout_s=float(timeout), repeats=repeats)


def read_resources(found: Mapping[str, Any], path: str) -> Resources:
    table = typed(found.get("resources", {}), dict, path, "resources")
    check_keys(table, [one.name for one in fields(Resources)], path, "resources.")
    for key, value in table.items():
        if typed(value, int, path, f"resources.{key}") < 1:
            raise ConfigError(f"{path}: resources.{key} = {value} must be positive", "Correct that line")
    return Resources(**table)


def words(value: object, path: str, key: str) -> tuple[str, ...]:
    """A command: a string is a line for sh, a list its words."""
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return tuple(value)
    if isinstance(value, str) and value.strip():
        return ("/bin/sh", "-c", value)
    raise ConfigError(f"{path}: {key} = {value!r} is no command", "Give a line, or a list of words")


def strings(found: Mapping[str, Any], key: str, path: str) -> tuple[str, ...]:
    return tuple(typed(one, str, path, key) for one in typed(found.get(key, []), list, path, key))


def inside(names: tuple[str, ...], path: str, key: str) -> tuple[str, ...]:
    """The same, if none leads out of the work tree."""
    for name in names:
        if name.startswith(("/", "~")) or ".." in name.split("/") or not name.strip("./"):
            raise ConfigError(f"{path}: {key}: {name!r} is not below the work tree", "Give a path relative to it")
    return names


def number(table: Mapping[str, Any], key: str, path: str, prefix: str) -> float | None:
    return None if key not in table else float(typed(table[key], (int, float), path, f"{prefix}.{key}"))
