"""How long the rows of an export are: in tokens where the base's tokenizer is on this machine, else in characters."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from procy.errors import ProcyError
from procy.learn.serve import environment
from procy.places import Places
from procy.settings import Settings

SIDES = ("completion", "chosen", "rejected", "output")


def lengths_of(places: Places, settings: Settings, model: str, folder: Path, files: Iterable[str]) -> dict[str, Any]:
    """``unit``: tokens or characters; ``tokenizer``: of which base, "" for characters; ``files``: name → rows, total, median, p95
    and most. ``model``: the base; of a pair its longer side counts."""
    names = sorted(files)
    paths = [folder / name for name in names]
    tokens = in_tokens(places, settings, model, paths) if names and at_hand(model) else None
    counts = [characters(path) for path in paths] if tokens is None else tokens
    return {
        "unit": "characters" if tokens is None else "tokens",
        "tokenizer": "" if tokens is None else Path(model).name if Path(model).is_dir() else model,
        "files": {name: summed(found) for name, found in zip(names, counts, strict=True)},
    }


def at_hand(model: str) -> bool:
    """Whether its tokenizer can be read without asking a hub."""
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    cached = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub") / f"models--{model.replace('/', '--')}"
    return (Path(model) / "tokenizer_config.json").is_file() or any(cached.glob("snapshots/*/tokenizer_config.json"))


def in_tokens(places: Places, settings: Settings, model: str, paths: Sequence[Path]) -> list[list[int]] | None:
    """None where there is no environment to count in, or it cannot read the tokenizer."""
    try:
        said = environment.run(environment.trainer(places, settings), "lengths.py", model, *map(str, paths))
    except ProcyError:
        return None
    return [json.loads(line) for line in said.splitlines()]


def characters(path: Path) -> list[int]:
    counts = []
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            row = json.loads(line)
            known = size(row.get("prompt", row.get("instruction")))
            counts.append(known + max(size(row[name]) for name in SIDES if name in row))
    return counts


def size(said: Any) -> int:
    """Of a text, or of messages."""
    return len(said) if isinstance(said, str) else sum(len(one["content"]) for one in said)


def summed(counts: Sequence[int]) -> dict[str, int]:
    ordered = sorted(counts)
    place = (len(ordered) - 1) / 100
    return {"rows": len(ordered), "total": sum(ordered), "median": ordered[round(place * 50)], "p95": ordered[round(place * 95)],
            "most": ordered[-1]}  # fmt: skip
