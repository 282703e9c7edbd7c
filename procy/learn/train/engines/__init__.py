"""Where trainings are carried out: here, on a host by ssh, on a Ray cluster. One interface, five functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from procy.errors import ProcyError
from procy.learn.train.plan import Where

LIVES = "running"
ENDS = ("done", "failed", "cancelled", "lost")


class LinkLost(ProcyError):
    """Nothing can be said for now: the training goes on where it is."""


@dataclass(frozen=True, slots=True)
class Job:
    """``folder``: of the training, here. ``found``: what ``submit`` returned."""

    id: str
    folder: Path
    where: Where
    found: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """``state``: running, or one of ``ENDS``. ``files``: log and progress.jsonl, what is new of each."""

    state: str
    files: Mapping[str, bytes] = field(default_factory=dict)


class Engine(Protocol):
    """All raise LinkLost where the place cannot be reached, and ProcyError for what waiting does not mend."""

    def submit(self, job: Job) -> dict[str, Any]:
        """Begin; doing it twice begins once. Returns how it is found again."""

    def look(self, job: Job, known: Mapping[str, int]) -> Look:
        """``known``: name of a file → bytes that are here already."""

    def cancel(self, job: Job) -> None: ...

    def fetch(self, job: Job) -> None:
        """Bring the adapter into the folder here."""

    @property
    def every_s(self) -> float:
        """How often to look."""
