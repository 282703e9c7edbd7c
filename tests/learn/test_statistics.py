"""The statistics of a comparison, against values known from elsewhere."""

from __future__ import annotations

import math
import random

import pytest

from procy.learn.compare.statistics import Estimate, flips, mcnemar, paired, pairs_needed, wilson


@pytest.mark.parametrize(("rate", "pairs"), [(0.75, 29), (0.70, 47), (0.65, 85), (0.60, 194), (0.55, 783), (0.40, 194)])
def test_pairs_that_a_claim_needs(rate: float, pairs: int) -> None:
    assert pairs_needed(rate) == pairs


def test_no_number_of_pairs_shows_a_coin() -> None:
    assert pairs_needed(0.5) is None


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],  # Newcombe 1998, table I
)
def test_wilson(hits: int, count: int, low: float, high: float) -> None:
    found = wilson(hits, count)
    assert found.value == hits / count
    assert found[1:] == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_is_not_known() -> None:
    assert math.isnan(wilson(0, 0).value)
    assert wilson(0, 0)[1:] == (0.0, 1.0)


@pytest.mark.parametrize(("gained", "lost", "p"), [(0, 0, 1.0), (5, 5, 1.0), (8, 2, 0.109375), (48, 0, 2 * 0.5**48)])
def test_mcnemar(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p)
    assert mcnemar(lost, gained) == pytest.approx(p)


def test_flips_of_few_are_all_looked_at() -> None:
    assert flips([1.0, 2.0, 3.0], random.Random(0)) == pytest.approx(2 / 8)
    assert flips([1.0, -1.0], random.Random(0)) == 1.0
    assert flips([0.1] * 6, random.Random(0)) == pytest.approx(2 / 64)


def test_flips_of_many_are_drawn() -> None:
    assert flips([0.5] * 30, random.Random(0)) < 0.001
    assert flips([0.5, -0.5] * 15, random.Random(0)) > 0.9


def test_pairs_of_one_session_count_once() -> None:
    """Twenty pairs of two sessions say less than twenty of twenty: the interval is as wide as the sessions differ."""
    differences = [1.0] * 10 + [0.0] * 10
    apart = paired(differences, [str(place) for place in range(20)], random.Random(1))
    together = paired(differences, ["one"] * 10 + ["other"] * 10, random.Random(1))
    assert apart.value == together.value == 0.5
    assert 0.2 < apart.low < apart.high < 0.8
    assert together[1:] == (0.0, 1.0)


def test_one_session_shows_nothing() -> None:
    assert paired([1.0, 1.0], ["one", "one"], random.Random(1)) == Estimate(1.0, -math.inf, math.inf)
