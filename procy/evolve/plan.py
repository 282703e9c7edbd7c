"""What a run is to do, and how much of everything it may use. Kept in its row, so that a resumed run does the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from procy.errors import ConfigError

UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
AMOUNT = re.compile(r"\$?(\d+(?:\.\d+)?)\s*(s|min|m|h|d|k|K|M|)")
NAMES = {
    "tries": "tries",
    "time": "seconds",
    "tokens": "tokens",
    "usd": "usd",
    "evaluator": "evaluator_seconds",
    "stall": "stall",
}
EXAMPLE = "Say for example: --budget time=2h,tokens=5M,usd=3,evaluator=30m,stall=10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """None: not limited. ``stall``: so many tries one after the other of which none was kept."""

    tries: int | None = None
    seconds: float | None = None
    tokens: int | None = None
    usd: float | None = None
    evaluator_seconds: float | None = None
    stall: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def read_budget(texts: Sequence[str], tries: int) -> Budget:
    """From ``--budget``: ``time=2h,tokens=1M``, several times if one likes. Raises ConfigError."""
    found: dict[str, Any] = {"tries": tries}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, _, amount = part.partition("=")
        if name not in NAMES:
            near = get_close_matches(name, NAMES, 1)
            raise ConfigError(f"there is no budget of {name!r}", f"Did you mean {near[0]}?" if near else EXAMPLE)
        whole = AMOUNT.fullmatch(amount)
        if whole is None or not float(whole[1]):
            raise ConfigError(f"--budget {part!r} is no amount", EXAMPLE)
        value = float(whole[1]) * UNITS[whole[2]]
        found[NAMES[name]] = value if name in ("time", "usd", "evaluator") else int(value)
    return Budget(**found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a resumed run needs to know besides its columns.

    ``agent``: the command that a lane starts. ``conversation``: the agent's name of the one that the run began from.
    ``socket`` and ``pane``: of tmux, where the user is; "" for a run without one. ``links``: what lanes here borrow from the
    user's work tree.
    """

    agent: tuple[str, ...] = ()
    profile: str = "generic"
    conversation: str = ""
    socket: str = ""
    pane: str = ""
    lanes: int = 1
    hosts: tuple[str, ...] = ()
    seed: int = 0
    target: float | None = None
    ask: bool = False
    keep_lanes: bool = False
    links: tuple[str, ...] = ()
    answer_s: float = 3600.0
    strategy_options: Mapping[str, Any] = field(default_factory=dict)
    proxy_url: str = ""
    proxy_model: str = ""
    executor: str = "local"
    baseline: int = 2  # samples of the start

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def plan_from(values: Mapping[str, Any]) -> Plan:
    """From a row. What a newer version wrote and this one does not know is left out."""
    known = {one.name: values[one.name] for one in fields(Plan) if one.name in values}
    for name in ("agent", "hosts", "links"):
        known[name] = tuple(known.get(name, ()))
    return Plan(**known)


def budget_from(values: Mapping[str, Any]) -> Budget:
    return Budget(**{one.name: values[one.name] for one in fields(Budget) if one.name in values})
