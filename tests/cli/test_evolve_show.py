"""How runs read in a terminal."""

from __future__ import annotations

import pytest

from procy.cli.evolve_show import number, value_text
from procy.evaluate.contract import Metric


@pytest.mark.parametrize(
    ("value", "shown"),
    [(25_950.3, "25,950 steps"), (1_234_567.0, "1,234,567 steps"), (726.41, "726.4 steps"), (0.5, "0.5 steps"), (None, "")],
)
def test_a_measured_value_reads_the_same_as_in_procy_eval(value: float | None, shown: str) -> None:
    assert value_text(value, Metric(name="cost", unit="steps")) == shown


def test_a_difference_has_its_sign() -> None:
    assert [number(value, "+") for value in (25_950.3, -25_950.3, 0.0, None)] == ["+25,950", "-25,950", "0", ""]
