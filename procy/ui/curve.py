"""The curve of a run: every try's own value, and the best so far as a line of steps. Places are percent of the drawing. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from procy.ui.measures import Gain, Judge

Scale = Callable[[float], float]
LABELLED = 300  # points that say what they are, each of them a link; more are only drawn


@dataclass(frozen=True, slots=True)
class Tried:
    """A try as the curve needs it. ``value``: the objective, None for what has no score."""

    id: str
    seq: int
    kind: str  # kept, reverted, failed, open
    score: float | None
    value: float | None
    gain: Gain | None


@dataclass(frozen=True, slots=True)
class Point:
    """``top`` and ``bottom``: of its whisker, None without one. ``beyond``: its value lies outside of what is drawn."""

    tried: Tried
    x: float
    y: float
    top: float | None
    bottom: float | None
    beyond: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """``line``: corners of the best so far. ``ticks``: values on the axis. ``marks``: where tries without a value are."""

    points: tuple[Point, ...]
    marks: tuple[tuple[Tried, float], ...]
    line: tuple[tuple[float, float], ...]
    ticks: tuple[tuple[float, float], ...]
    last: int

    @property
    def is_labelled(self) -> bool:
        return len(self.points) + len(self.marks) <= LABELLED

    @property
    def has_beyond(self) -> bool:
        return any(point.beyond for point in self.points)

    @property
    def strokes(self) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
        """The pieces of the line."""
        return zip(self.line, self.line[1:], strict=False)


def curve_of(tries: Sequence[Tried], judge: Judge) -> Curve | None:
    """None where nothing was measured, and where no drawing could hold it."""
    [found] = curves_of([tries], judge)
    return found


def curves_of(several: Sequence[Sequence[Tried]], judge: Judge) -> list[Curve | None]:
    """The curves of several runs on one scale; None for a run in which nothing was measured."""
    every = [measured_in(tries) for tries in several]
    last = max((one.seq for tries in several for one in tries), default=1)
    span = span_of([one for measured in every for one in measured]) if any(every) else (0.0, 0.0)
    if not math.isfinite(span[1] - span[0]):
        return [None for _ in several]
    return [drawn(tries, measured, max(last, 1), span) for tries, measured in zip(several, every, strict=True)]


def measured_in(tries: Sequence[Tried]) -> list[Tried]:
    return [one for one in tries if one.value is not None and one.score is not None]


def drawn(tries: Sequence[Tried], measured: Sequence[Tried], last: int, span: tuple[float, float]) -> Curve | None:
    if not measured:
        return None
    low, high = span

    def down(value: float) -> float:
        return 100 * (1 - (min(max(value, low), high) - low) / (high - low))

    points = tuple(point_of(one, 100 * one.seq / last, down, span) for one in measured)
    has_value = {one.id for one in measured}
    over = [one for one in tries if one.id not in has_value and one.kind in ("failed", "reverted")]
    marks = tuple((one, 100 * one.seq / last) for one in over)
    ticks = tuple((value, down(value)) for value in ticks_of(low, high))
    return Curve(points, marks, tuple(line_of(measured, last, down)), ticks, last)


def point_of(one: Tried, x: float, down: Scale, span: tuple[float, float]) -> Point:
    value = one.value or 0.0
    place = down(value)
    top = bottom = None
    if ends := whisker(one):
        top, bottom = down(ends[1]), down(ends[0])
    return Point(one, x, place, top, bottom, not span[0] <= value <= span[1])


def whisker(one: Tried) -> tuple[float, ...]:
    """Around a try's value, what its gain was measured to be at least and at most; empty where it was measured once."""
    if one.value is None or one.gain is None or one.gain.low is None or one.gain.high is None:
        return ()
    return (one.value + one.gain.low - one.gain.change, one.value + one.gain.high - one.gain.change)


def line_of(measured: Sequence[Tried], last: int, down: Scale) -> Iterator[tuple[float, float]]:
    """Where the best so far begins, and every corner of it; it ends at the last try."""
    best: Tried | None = None
    for one in measured:
        if one.kind != "kept" or (best is not None and (one.score or 0.0) <= (best.score or 0.0)):
            continue
        if best is not None:
            yield 100 * one.seq / last, down(best.value or 0.0)
        yield 100 * one.seq / last, down(one.value or 0.0)
        best = one
    if best is not None:
        yield 100.0, down(best.value or 0.0)


def span_of(measured: Sequence[Tried]) -> tuple[float, float]:
    """What is drawn: all that was kept, and of the rest what lies no further away than once the same again."""
    kept = [one.value for one in measured if one.kind == "kept" and one.value is not None]
    kept = kept or [one.value for one in measured if one.value is not None]
    low, high = min(kept), max(kept)
    room = (high - low) or abs(high) * 0.1 or 1.0
    wanted = [end for one in measured for end in (one.value or 0.0, *(whisker(one) if one.kind == "kept" else ()))]
    values = [min(max(one, low - room), high + room) for one in wanted]
    low, high = min(low, *values), max(high, *values)
    edge = 0.06 * ((high - low) or room)
    return low - edge, high + edge


def ticks_of(low: float, high: float, most: int = 4) -> list[float]:
    """Round values within a span, at most so many."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10, 20, 25, 50, 100) if (high - low) / (power * factor) <= most)
    first = math.ceil(low / step)
    return [float(f"{number * step:.12g}") for number in range(first, math.floor(high / step) + 1)]
