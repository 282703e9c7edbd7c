"""An instrument that evaluators own: what a program reads of its index, counted, whatever the machine.

A scalar that is read costs 1, a text 1 for every six characters, containers cost nothing. Where it was read is the key of the
index's first level, so that an evaluator can say which part of it costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LETTERS = 6  # of a text, that cost as much as a number
SCALARS = (str, int, float, bool, type(None))


class Meter:
    """What was read so far, by where."""

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()

    def read(self, where: str, value: Any) -> Any:
        """The value, counted; a container wrapped."""
        if isinstance(value, dict):
            return Table(self, where, value)
        if isinstance(value, (list, tuple)):
            return Row(self, where, value)
        self.reads[where] += max(1, len(value) // LETTERS) if isinstance(value, str) else 1
        return value

    @property
    def total(self) -> int:
        return sum(self.reads.values())


class Row(Sequence[Any]):
    """A list that is counted. Slices are views and cost nothing."""

    def __init__(self, meter: Meter, where: str, values: Sequence[Any]) -> None:
        self._meter, self._where, self._values = meter, where, values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return Row(self._meter, self._where, self._values[place])
        return self._meter.read(self._where, self._values[place])

    def __iter__(self) -> Iterator[Any]:
        read, where = self._meter.read, self._where
        for value in self._values:
            yield read(where, value)


class Table(Mapping[Any, Any]):
    """A dictionary that is counted. Asking for a key that is not there costs 1."""

    def __init__(self, meter: Meter, where: str, values: dict[Any, Any]) -> None:
        self._meter, self._where, self._values = meter, where, values

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        self._meter.reads[self._where] += 1
        return key in self._values

    def __getitem__(self, key: Any) -> Any:
        where = self._where or str(key)
        if key not in self._values:
            self._meter.reads[where] += 1
            raise KeyError(key)
        return self._meter.read(where, self._values[key])

    def __iter__(self) -> Iterator[Any]:
        for key in self._values:
            self._meter.reads[self._where] += 1
            yield key


def entries(value: Any) -> int:
    """How many scalars an index holds, in the measure of reading them. Raises ValueError where it holds anything else."""
    if isinstance(value, dict):
        return sum(entries(one) for one in value) + sum(entries(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return sum(entries(one) for one in value)
    if not isinstance(value, SCALARS):
        raise ValueError(f"an index holds dictionaries, lists, texts and numbers, and no {type(value).__name__}")
    return max(1, len(value) // LETTERS) if isinstance(value, str) else 1


def shares(meter: Meter) -> list[str]:
    """The parts of the index that cost, the dearest first, in words."""
    total = max(meter.total, 1)
    return [f"{where or 'keys'} {100 * count / total:.0f} %" for where, count in meter.reads.most_common(4)]
