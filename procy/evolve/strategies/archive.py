"""What the strategies have in common: they remember what they observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from procy.errors import ConfigError
from procy.tries import Choice, Outcome


class Archive:
    """See ``procy.tries.Strategy``. By itself it goes on from the best and keeps what beats it."""

    name = ""
    summary = ""

    def __init__(self, confirms: bool = True) -> None:
        self.confirms = confirms
        self.outcomes: list[Outcome] = []
        self.head: Outcome | None = None

    def observe(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.head = outcome if self.head is None else successor(self.head, outcome)

    def pick_parent(self, rng: Random) -> Choice:
        return Choice(self.best())

    def incumbent(self, candidate: Choice) -> Outcome:
        return self.best()

    def best(self) -> Outcome:
        if self.head is None:
            raise RuntimeError("observe() the start first")
        return self.head

    @property
    def start(self) -> Outcome:
        return self.outcomes[0]

    def measured(self) -> list[Outcome]:
        """Those that may become parents, the best first; the start where there is none."""
        found = [outcome for outcome in self.outcomes if outcome.is_measured]
        return sorted(found, key=rank) or [self.start]


def successor(head: Outcome, outcome: Outcome) -> Outcome:
    """The one to go on from. The gate's word counts more than two scores measured at different times; where lanes have run
    side by side and the outcome beat an older one, the scores are all there is."""
    if outcome.decision != "kept" or outcome.score is None:
        return head
    if head.score is None or outcome.incumbent_id in (None, head.id):
        return outcome
    return min(head, outcome, key=rank)


def rank(outcome: Outcome) -> tuple[float, int]:
    """Sorts the best first, the earliest of equals; what was not measured last."""
    return (-outcome.score if outcome.score is not None else float("inf"), outcome.seq)


class Options:
    """A strategy's options, read one by one; ``done`` refuses what nobody asked for."""

    def __init__(self, strategy: str, given: Mapping[str, str]) -> None:
        self.strategy = strategy
        self.given = given
        self.known: list[str] = []

    def number(self, name: str, default: int, least: int = 1) -> int:
        text = self.text(name, str(default))
        if not text.isdecimal() or int(text) < least:
            raise ConfigError(f"strategy {self.strategy}: {name} = {text}", f"Give a whole number of at least {least}")
        return int(text)

    def flag(self, name: str, default: bool) -> bool:
        text = self.text(name, "yes" if default else "no")
        if text not in ("yes", "no"):
            raise ConfigError(f"strategy {self.strategy}: {name} = {text}", "Give yes or no")
        return text == "yes"

    def text(self, name: str, default: str) -> str:
        self.known.append(name)
        return self.given.get(name, default)

    def names(self, name: str) -> Sequence[str]:
        """Separated by commas; none where it is not given."""
        return [part.strip() for part in self.text(name, "").split(",") if part.strip()]

    def done(self) -> None:
        if unknown := sorted(set(self.given) - set(self.known)):
            raise ConfigError(f"strategy {self.strategy} has no option {', '.join(unknown)}", f"It has: {', '.join(self.known)}")
