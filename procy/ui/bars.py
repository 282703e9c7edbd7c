"""Amounts by day as bars that stand on each other. Places are percent of the drawing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from procy.ui.curve import ticks_of

Step = Literal["day", "week", "month"]
GAP = 0.22  # of a bar's room
DAYS, WEEKS = 100, 105  # at most so many bars of a kind


@dataclass(frozen=True, slots=True)
class Bar:
    """``pieces``: (which amount, y, height) of those that are not zero, the first of them lowest. ``room``: all of its place."""

    label: str
    amounts: tuple[float, ...]
    x: float
    width: float
    room: tuple[float, float]
    pieces: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """``ticks``: (amount, y) on the axis. ``ends``: labels of the first, the middle and the last bar."""

    step: Step
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, float], ...]
    ends: tuple[str, ...]

    @property
    def filled(self) -> tuple[Bar, ...]:
        return tuple(bar for bar in self.bars if any(bar.amounts))


def bars_of(days: Mapping[date, Sequence[float]], first: date, last: date) -> Bars | None:
    """A bar for every day from the first to the last; for every week or month where these are many. None for nothing."""
    if not any(any(amounts) for amounts in days.values()):
        return None
    step = step_of(first, last)
    places = {start: [0.0] * max(map(len, days.values())) for start in starts_of(first, last, step)}
    for day, amounts in days.items():
        place = places.setdefault(start_of(max(day, first), step), [0.0] * len(amounts))
        for number, amount in enumerate(amounts):
            place[number] += amount
    top = max(sum(amounts) for amounts in places.values()) * 1.04
    room = 100 / len(places)
    bars = tuple(
        Bar(label_of(start, step), tuple(amounts), room * (number + GAP / 2), room * (1 - GAP), (room * number, room),
            tuple(stack(amounts, top)))
        for number, (start, amounts) in enumerate(sorted(places.items()))
    )  # fmt: skip
    ends = tuple(dict.fromkeys(bars[number].label for number in (0, len(bars) // 2, len(bars) - 1)))
    return Bars(step, bars, tuple((tick, 100 * (1 - tick / top)) for tick in ticks_of(0, top)), ends)


def stack(amounts: Sequence[float], top: float) -> list[tuple[int, float, float]]:
    found, below = [], 0.0
    for number, amount in enumerate(amounts):
        if amount > 0:
            below += amount
            found.append((number, 100 * (1 - below / top), 100 * amount / top))
    return found


def step_of(first: date, last: date) -> Step:
    days = (last - first).days + 1
    return "day" if days <= DAYS else "week" if days <= WEEKS * 7 else "month"


def start_of(day: date, step: Step) -> date:
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def starts_of(first: date, last: date, step: Step) -> list[date]:
    """The first day of every bar."""
    found = [start_of(first, step)]
    while (following := start_of(found[-1] + timedelta(days={"day": 1, "week": 7, "month": 32}[step]), step)) <= last:
        found.append(following)
    return found


def label_of(start: date, step: Step) -> str:
    """``28 Nov``, ``Nov 2026`` for a month."""
    return start.strftime("%b %Y" if step == "month" else "%-d %b" if step == "day" else "%-d %b %Y")
