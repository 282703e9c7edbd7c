"""The curve of a run: places of its points, the line of the best so far, and values that no drawing could hold."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from procy.ui.curve import Tried, curve_of, ticks_of
from procy.ui.measures import Gain, Judge, Metric

FASTER = Judge((Metric(name="p95", is_maximized=False, unit="ms"),))
MORE = Judge((Metric(name="hits", is_maximized=True),))


def tried(seq: int, value: float | None, kind: str = "kept", judge: Judge = FASTER, gain: Gain | None = None) -> Tried:
    return Tried(f"T{seq}", seq, kind, None if value is None else judge.own(value), value, gain)


def test_the_line_goes_through_what_was_better_than_all_before() -> None:
    values = [(60, "kept"), (70, "reverted"), (50, "kept"), (55, "kept"), (None, "failed"), (40, "kept")]
    curve = curve_of([tried(seq, value, kind) for seq, (value, kind) in enumerate(values)], FASTER)
    assert curve and [x for x, _ in curve.line] == [0, 40, 40, 100, 100, 100]
    heights = {point.tried.seq: point.y for point in curve.points}
    assert [y for _, y in curve.line] == [heights[0], heights[0], heights[2], heights[2], heights[5], heights[5]]
    assert heights[5] > heights[2] > heights[0] > heights[1]  # lower values stand lower, whether that is good or not
    assert [(one.seq, x) for one, x in curve.marks] == [(4, 80)]


def test_more_is_better_goes_up() -> None:
    curve = curve_of([tried(seq, value, judge=MORE) for seq, value in enumerate((3, 2, 5))], MORE)
    assert curve and [x for x, _ in curve.line] == [0, 100, 100, 100]
    assert curve.line[-1][1] == min(point.y for point in curve.points)


def test_a_whisker_is_the_interval_of_the_gain_around_the_value() -> None:
    gain = Gain(0, -10, None, -14, -8, True, 0.99, 4)
    curve = curve_of([tried(0, 60), tried(1, 50, gain=gain)], FASTER)
    assert curve
    start, one = curve.points
    unit = (one.y - start.y) / 10  # of the drawing, for each unit of the value
    assert start.top is None and one.top is not None and one.bottom is not None
    assert one.top == pytest.approx(one.y - 2 * unit) and one.bottom == pytest.approx(one.y + 4 * unit)


def test_what_is_far_off_does_not_flatten_the_rest() -> None:
    curve = curve_of([tried(0, 60), tried(1, 50), tried(2, 50_000, "reverted")], FASTER)
    assert curve and [point.beyond for point in curve.points] == [False, False, True]
    assert all(0 <= point.y <= 100 for point in curve.points) and curve.points[1].y - curve.points[0].y > 20


@pytest.mark.parametrize("values", [[5.0], [0.0], [5.0, 5.0], [-3.0, -3.0], [1e-9, 2e-9], [1e15, 1e15 + 1], [0.0, 1e-300]])
def test_every_value_has_a_place(values: list[float]) -> None:
    curve = curve_of([tried(seq, value) for seq, value in enumerate(values)], FASTER)
    assert curve and len(curve.points) == len(values)
    places = [place for point in curve.points for place in (point.x, point.y)] + [y for _, y in curve.ticks]
    assert all(math.isfinite(place) and -0.01 <= place <= 100.01 for place in places)


def test_nothing_measured_and_nothing_that_fits_are_no_curve() -> None:
    assert curve_of([], FASTER) is None
    assert curve_of([tried(0, None, "failed")], FASTER) is None
    assert curve_of([tried(0, -1.7e308), tried(1, 1.7e308)], FASTER) is None


@pytest.mark.parametrize("span", [(0.0, 1.0), (41.25, 66.3), (-0.003, 0.004), (1e6, 1.3e6), (199.0, 201.0)])
def test_ticks_are_round_and_few(span: tuple[float, float]) -> None:
    ticks = ticks_of(*span)
    assert 2 <= len(ticks) <= 5 and all(span[0] <= tick <= span[1] for tick in ticks)
    steps = {round((after - before) / (span[1] - span[0]), 6) for before, after in pairwise(ticks)}
    assert len(steps) == 1
    assert all(len(f"{tick:.12g}".replace("-", "").replace(".", "").strip("0")) <= 4 for tick in ticks)
