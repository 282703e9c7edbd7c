"""Scripts of the first procy: their runner, their metrics, the six variables that they are given.

The last line of what they print that begins with ``{`` and is a JSON object holds the metrics; exit status 0 is demanded.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from procy.evaluate.contract import DEFAULT_TIMEOUT_S, Contract, Metric, Stage
from procy.evaluate.naming import direction_of, kind_of

RUNNERS = {".py": ("python3",), ".sh": ("bash",), ".js": ("node",)}
LOG = "eval.log"
SCHEMA = re.compile(r"\bMETRICS_SCHEMA\s*=\s*(\[.*?\])\s*;?\s*$", re.DOTALL | re.MULTILINE)
KEY = re.compile(r"""[{,]\s*\\?["'](\w[\w@.\-/ ]{0,60}?)\\?["']\s*:\s*(.)""")
NO_METRIC = ("[", "{", '"', "'", "\\")  # how the value of a key begins that is none


def contract_of(path: str, name: str, source: str, cwd: str = "", timeout_s: float = DEFAULT_TIMEOUT_S) -> Contract:
    """``path``: of the script, from ``cwd``. Its metrics are those that the source tells; none where it tells nothing."""
    runner = RUNNERS.get(Path(path).suffix, ())
    command = (*runner, path if runner or "/" in path else f"./{path}")
    stage = Stage(name="full", command=command, timeout_s=timeout_s)
    contract = Contract(name=name, stages=(stage,), network=True, sandbox=False, cwd=cwd, legacy=True)
    return with_metrics(contract, metrics_in(source))


def with_metrics(contract: Contract, metrics: Sequence[Metric]) -> Contract:
    """With the first metric as the objective."""
    return replace(contract, metrics=tuple(metrics), objective=metrics[0].name if metrics else "")


def variables(session_id: str, cwd: str, db: str, iteration: int, run_id: str, files: Sequence[str]) -> dict[str, str]:
    return {
        "PROCY_SESSION": session_id,
        "PROCY_CWD": cwd,
        "PROCY_DB": db,
        "PROCY_ITERATION": str(iteration),
        "PROCY_EVOLVE_RUN_ID": run_id,
        "PROCY_FILES_CHANGED": "\n".join(files),
    }


# -- metrics ------------------------------------------------------------------------------------------------------------


def metrics_in(source: str) -> tuple[Metric, ...]:
    """By ``METRICS_SCHEMA``, else by the dict literals of the source, in their order. The source is not run."""
    return schema_in(source) or tuple(guessed(name) for name in names_in(source))


def detected(contract: Contract, result: Mapping[str, Any], source: str) -> tuple[Metric, ...]:
    """Those that the script declares; else the numbers of its first result, in the order of the source where it has them."""
    if declared := schema_in(source):
        return declared
    numbers = [name for name, value in result.items() if is_number(value)]
    order = {name: place for place, name in enumerate(names_in(source))}
    return tuple(guessed(name) for name in sorted(numbers, key=lambda name: order.get(name, len(order))))


def guessed(name: str) -> Metric:
    return Metric(name=name, direction=direction_of(name), kind=kind_of(name))


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def schema_in(source: str) -> tuple[Metric, ...]:
    """() where there is none, or nothing in it can be used."""
    found = literal_in(source)
    entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    named = {str(entry["name"]): entry for entry in entries if isinstance(entry.get("name"), str) and entry["name"].strip()}
    return tuple(declared(name, entry) for name, entry in named.items())


def declared(name: str, entry: Mapping[str, Any]) -> Metric:
    goal = str(entry.get("goal", "")).lower()
    if goal.startswith(("min", "low")):
        return Metric(name=name, direction="minimize", kind=kind_of(name))
    return Metric(name=name, direction="maximize" if goal else direction_of(name), kind=kind_of(name))


def literal_in(source: str) -> object:
    tree = parsed(source)
    if tree is None:
        match = SCHEMA.search(source)
        return json_or_none(match[1]) if match else None
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == "METRICS_SCHEMA" for target in targets):
            try:
                return ast.literal_eval(node.value)  # type: ignore[attr-defined]
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                return None
    return None


def parsed(source: str) -> ast.Module | None:
    """None for what is no Python. What Python would warn of is the script's own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def json_or_none(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def names_in(source: str) -> tuple[str, ...]:
    """Names that dict literals of the source give to what may be numbers, in its order. What is printed comes before others."""
    tree = parsed(source)
    if tree is None:
        return unique(match[1] for match in KEY.finditer(source) if match[2] not in NO_METRIC)
    literals = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    printed = {id(one) for one in printed_in(tree)}
    wanted = [node for node in literals if id(node) in printed] or literals
    wanted.sort(key=lambda node: (node.lineno, node.col_offset))
    return unique(name for node in wanted for name in keys_of(node))


def printed_in(tree: ast.AST) -> Iterator[ast.AST]:
    """The dicts that go to ``json.dumps`` or ``json.dump``, there or by the name that they were given."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and is_dump(node.func) and node.args]
    names = {call.args[0].id for call in calls if isinstance(call.args[0], ast.Name)}
    yield from (call.args[0] for call in calls)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id in names for target in node.targets):
            yield node.value


def is_dump(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in ("dumps", "dump")


def keys_of(node: ast.Dict) -> Iterator[str]:
    for key, value in zip(node.keys, node.values, strict=True):
        text = isinstance(value, (ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp))
        text = text or (isinstance(value, ast.Constant) and not is_number(value.value))
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and not text:
            yield key.value


def unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
