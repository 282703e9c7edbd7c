"""An adapter as it is served: from its row, or from its folder (see docs/learn.md)."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from procy.errors import ServeError

CARD, CONFIG = "procy.json", "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Probe:
    """A stored prompt: what adapter and base answered greedily when the adapter was made, and the mean log-probability of the
    answer's tokens; None where it is not known."""

    prompt: Sequence[Mapping[str, str]]
    adapter: str
    base: str
    adapter_logprob: float | None = None
    base_logprob: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """``id``: of its row; "" where it is only a folder. ``rank``: of LoRA."""

    id: str
    name: str
    path: Path
    base: str
    base_sha256: str
    weights_sha256: str
    rank: int
    canary: tuple[Probe, ...]


def adapter_in(folder: Path, name: str = "", adapter_id: str = "") -> Adapter:
    """Raises ServeError where it is no adapter of procy's."""
    card, config = read_json(folder / CARD), read_json(folder / CONFIG)
    try:
        return Adapter(
            id=adapter_id, name=checked(name or folder.absolute().name), path=folder.absolute(), base=str(card["base"]["name"]),
            base_sha256=str(card["base"]["sha256"]), weights_sha256=str(card["weights_sha256"]), rank=int(config["r"]),
            canary=tuple(probe_of(one) for one in card["canary"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        remedy = "Was it made by procy train? Without a fingerprint of its base nobody knows whether it fits"
        raise ServeError(f"{folder / CARD} does not say what it should ({error})", remedy) from error


def probe_of(found: Mapping[str, Any]) -> Probe:
    adapter, base = found["adapter"], found["base"]
    return Probe(found["prompt"], adapter["answer"], base["answer"], adapter.get("logprob"), base.get("logprob"))


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ServeError(f"cannot read {path}: {error.strerror}", "Name an adapter: procy train list, or its folder") from error
    except ValueError as error:
        raise ServeError(f"{path} is damaged: {error}", "Train again, or take it from a copy") from error


def checked(name: str) -> str:
    """It is part of paths and addresses."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ServeError(f"{name!r} is no name that a model can be requested by", "Use letters, digits, dot, dash and underscore")
    return name


def adapter_named(connection: sqlite3.Connection, handle: str) -> Adapter:
    """By its name, a part of its id, ``last``, or its folder. Raises HandleError and ServeError."""
    folder = Path(handle).expanduser()
    if "/" in handle or (folder / CARD).exists():
        return adapter_in(folder)
    from procy.store import trainings

    row = trainings.find_adapter(connection, handle)
    return adapter_in(Path(row["path"]), row["name"], row["id"])
