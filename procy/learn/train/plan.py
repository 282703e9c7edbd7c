"""What is wanted of a training, and the words that its scripts get. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from procy.errors import ConfigError

METHODS = ("sft", "dpo", "kto", "sft+dpo")
ENGINES = ("local", "ssh", "ray")
ADAPTER = "adapter"  # folder of what comes of it, below the training's


@dataclass(frozen=True, slots=True)
class Where:
    """``engine``: of ``ENGINES``; ``name``: a host or an address, "" here."""

    engine: str = "local"
    name: str = ""

    def __str__(self) -> str:
        return f"{self.engine}:{self.name}" if self.name else self.engine


def where_of(text: str) -> Where:
    """Raises ConfigError."""
    engine, _, name = text.partition(":")
    if engine not in ENGINES or bool(name) == (engine == "local"):
        raise ConfigError(f"{text!r} is no place to train at", "Write local, ssh:HOST or ray:ADDRESS")
    return Where(engine, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``options``: of the scripts (``lr`` → 2e-4; True for a switch); ``later``: those that the second stage has otherwise.
    ``extra``: words as they are. ``world``: processes. ``launcher``: a configuration of accelerate, "" for torchrun. ``share``
    and ``gpus`` are for Ray: a folder in common, and what its job asks for; 0: what the head has."""

    method: str = "sft+dpo"
    model: str
    where: Where = field(default_factory=Where)
    name: str = "proxy"
    world: int = 1
    launcher: str = ""
    docker: str = ""
    share: str = ""
    gpus: int = 0
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    later: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    extra: tuple[str, ...] = ()
    deploy: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(self.method.split("+"))


def stages(plan: Plan) -> list[list[str]]:
    """A script and its words, in the order in which they run; paths from the training's folder."""
    found = []
    for place, method in enumerate(plan.methods):
        is_last = place == len(plan.methods) - 1
        output = ADAPTER if is_last else method
        before = ["--adapter", plan.methods[place - 1]] if place else []
        options = {**plan.options, **(plan.later if place else {})}
        words = ["--data", "data", "--model", plan.model, "--output", output, *before, *words_of(options), *plan.extra]
        found.append([f"{method}.py", *words])
    return found


def words_of(options: Mapping[str, Any]) -> list[str]:
    """As ``--lora-r 16``; a switch where it is True, nothing for None and False."""
    found: list[str] = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        found += [f"--{name.replace('_', '-')}"] if value is True else [f"--{name.replace('_', '-')}", str(value)]
    return found


def run_file(plan: Plan, python: str) -> dict[str, Any]:
    """What ``train/run.py`` is told."""
    return {
        "stages": stages(plan), "world": plan.world, "python": python, "docker": plan.docker, "accelerate": plan.launcher,
        "share": plan.share, "gpus": plan.gpus, "environment": {},
    }  # fmt: skip


def arguments_of(plan: Plan) -> dict[str, Any]:
    """For the row."""
    return {
        "name": plan.name, "world": plan.world, "launcher": plan.launcher, "docker": plan.docker, "share": plan.share,
        "gpus": plan.gpus, "options": dict(plan.options), "later": dict(plan.later), "extra": list(plan.extra),
        "deploy": plan.deploy,
    }  # fmt: skip


def plan_from(row: Mapping[str, Any]) -> Plan:
    """Of a row of ``trainings``."""
    arguments = dict(row["arguments"])
    extra: Sequence[str] = arguments.pop("extra")
    return Plan(method=row["method"], model=row["model"], where=where_of(row["place"]), extra=tuple(extra), **arguments)
