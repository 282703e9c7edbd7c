"""Bars by day: every day has its place, many days become weeks or months, and nothing is lost on the way."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from procy.ui.bars import bars_of, label_of, start_of

DAY = date(2026, 11, 20)


def test_a_bar_for_every_day_and_pieces_that_stand_on_each_other() -> None:
    bars = bars_of({DAY: (3, 0, 1), DAY - timedelta(2): (8, 2, 0)}, DAY - timedelta(3), DAY)
    assert bars and bars.step == "day"
    assert [bar.label for bar in bars.bars] == ["17 Nov", "18 Nov", "19 Nov", "20 Nov"]
    assert [bar.amounts for bar in bars.filled] == [(8, 2, 0), (3, 0, 1)]
    lower, upper = bars.bars[1].pieces
    assert (lower[0], upper[0]) == (0, 1)
    assert lower[1] == pytest.approx(upper[1] + upper[2]) and lower[1] + lower[2] == pytest.approx(100)
    assert 0 < upper[1] < 5  # the highest reaches nearly the top
    assert [piece[0] for piece in bars.bars[3].pieces] == [0, 2]
    assert bars.bars[0].room[0] == 0 and sum(bars.bars[3].room) == pytest.approx(100)
    assert bars.ticks[0] == (0, 100) and all(0 <= y <= 100 for _, y in bars.ticks)


@pytest.mark.parametrize(("days", "step", "most"), [(90, "day", 90), (100, "day", 100), (101, "week", 16), (735, "week", 107),
                                                    (736, "month", 26), (4000, "month", 133)])  # fmt: skip
def test_many_days_become_weeks_or_months_and_the_sum_stays(days: int, step: str, most: int) -> None:
    first = DAY - timedelta(days - 1)
    bars = bars_of({first + timedelta(number): (1, 2) for number in range(days)}, first, DAY)
    assert bars and bars.step == step and len(bars.bars) <= most
    assert sum(bar.amounts[0] for bar in bars.bars) == days and sum(bar.amounts[1] for bar in bars.bars) == 2 * days
    assert len({bar.label for bar in bars.bars}) == len(bars.bars)


def test_nothing_is_no_chart_and_one_day_is_one() -> None:
    assert bars_of({}, DAY, DAY) is None
    assert bars_of({DAY: (0, 0)}, DAY, DAY) is None
    one = bars_of({DAY: (0.004,)}, DAY, DAY)
    assert one and len(one.bars) == 1 and one.ends == ("20 Nov",)


def test_labels() -> None:
    assert label_of(start_of(DAY, "week"), "week") == "16 Nov 2026"
    assert label_of(start_of(DAY, "month"), "month") == "Nov 2026"
