"""How runs read in a terminal."""

from __future__ import annotations

import pytest

from procy.cli.evolve_show import comparison_text, number, value_text
from procy.evaluate.contract import Metric


@pytest.mark.parametrize(
    ("value", "shown"),
    [(25_950.3, "25,950 steps"), (1_234_567.0, "1,234,567 steps"), (726.41, "726.4 steps"), (0.5, "0.5 steps"), (None, "")],
)
def test_a_measured_value_reads_the_same_as_in_procy_eval(value: float | None, shown: str) -> None:
    assert value_text(value, Metric(name="cost", unit="steps")) == shown


def test_a_difference_has_its_sign() -> None:
    assert [number(value, "+") for value in (25_950.3, -25_950.3, 0.0, None)] == ["+25,950", "-25,950", "0", ""]


@pytest.mark.parametrize(("score", "shown"), [(-1951.0, "+27.1 % (+26.0 … +28.0)"), (None, "")])
def test_what_broke_a_demand_while_it_was_compared_shows_no_gain(score: float | None, shown: str) -> None:
    comparison = {"with": "start", "gain": 542.0, "low": 520.0, "high": 560.0} if score else {"with": "start", "gain": 0.0}
    row = {"score": score, "comparison": comparison}
    assert comparison_text(row, {"start": {"score": -2000.0}}) == shown
