"""The gate on numbers that can be worked out by hand, and on many tries that change nothing."""

from __future__ import annotations

import math
import random

import pytest

from procy.evolve.gate import ONE_SAMPLE, Gate, Verdict, after_selection, claim, interval, quantile, t_below

GATE = Gate()


def test_students_distribution_is_that_of_the_tables() -> None:
    for probability, freedom, value in ((0.95, 1, 6.3138), (0.95, 4, 2.1318), (0.95, 7, 1.8946), (0.975, 10, 2.2281)):
        assert quantile(probability, freedom) == pytest.approx(value, abs=1e-4)
        assert t_below(value, freedom) == pytest.approx(probability, abs=1e-5)
        assert t_below(-value, freedom) == pytest.approx(1 - probability, abs=1e-5)
    mean, low, high = interval([1.0, 2.0, 3.0, 4.0], 1.6448536)
    assert (mean, low, high) == pytest.approx((2.5, 2.5 - 2.3534 * 0.6455, 2.5 + 2.3534 * 0.6455), abs=1e-3)


def test_the_first_sample_only_selects() -> None:
    worse = GATE.verdict([9.0], [10.0])
    assert (worse.kind, worse.interval) == ("revert", None)
    assert GATE.verdict([10.0], [10.0]).kind == "revert", "equal is not better"
    assert GATE.verdict([30.0], [10.0]).kind == "more", "however good it looks"
    lucky = GATE.verdict([30.0, 11.0, 9.0], [10.0, 10.0, 10.1])
    assert (lucky.kind, lucky.gain, lucky.pairs) == ("revert", pytest.approx(-0.05), 2)


def test_no_noise_needs_one_pair_or_none() -> None:
    assert GATE.verdict([11.0], [10.0]).kind == "more"
    kept = GATE.verdict([11.0, 11.0], [10.0, 10.0])
    assert kept == Verdict("keep", 1, 1.0, 1.0, 1.0, 1.0) and kept.interval == (1.0, 1.0, 1.0)
    assert Gate(exact=True).verdict([11.0], [10.0]) == Verdict("keep", 0, 1.0, 1.0, 1.0, 1.0)
    assert Gate(exact=False).verdict([11.0, 11.0], [10.0, 10.0]).kind == "more", "the baseline has shown noise"
    assert GATE.verdict([0.1 + 0.2], [0.3]).kind == "revert", "rounding is no gain"


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("shift", [-50.0, 0.0, 50.0])
def test_scores_of_any_sign_and_size(scale: float, shift: float) -> None:
    candidate = [scale * (shift + value) for value in (2.0, 1.01, 0.99, 1.0)]
    incumbent = [scale * (shift + value) for value in (0.0, 0.0, 0.01, -0.01)]
    found = GATE.verdict(candidate, incumbent)
    assert found.kind == "keep" and found.gain == pytest.approx(scale, rel=1e-6) and found.low > 0
    assert GATE.verdict(incumbent, candidate).kind == "revert"


def test_a_minimised_metric_is_kept_when_it_falls() -> None:
    latency, before = [-80.0, -81.0, -79.0, -82.0], [-100.0, -101.0, -99.0, -100.0]
    found = GATE.verdict(latency, before)
    assert found.kind == "keep" and found.gain == pytest.approx(19.33, abs=0.01) and found.better > 0.99
    assert GATE.verdict(before, latency).kind == "revert"


def test_a_gain_too_small_to_bother_is_not_kept() -> None:
    candidate, incumbent = [103.0] * 2, [100.0] * 2
    assert Gate(least=0.02).verdict(candidate, incumbent).kind == "keep"
    assert Gate(least=0.05).verdict([106.0, 103.0, 103.1], [100.0, 100.0, 100.0]).kind == "revert"
    assert Gate(least=0.05).verdict([-96.0, -96.0], [-100.0, -100.0]).kind == "revert", "of a negative score too"


def test_few_pairs_have_wide_intervals_and_it_ends_at_the_last() -> None:
    two = GATE.verdict([12.0, 12.0, 11.0], [10.0, 10.5, 10.0])
    assert two.kind == "more" and two.low < 0 < two.high
    unclear = [10.0 + (-1) ** step * 0.5 for step in range(8)]
    done = Gate(max_pairs=8).verdict([12.0, *(value + 0.1 for value in reversed(unclear))], [10.0, *unclear])
    assert (done.kind, done.pairs) == ("revert", 8) and 0.5 < done.better < 0.95


def test_one_sample_keeps_whatever_looks_better() -> None:
    assert ONE_SAMPLE.verdict([10.1], [10.0]).kind == "keep"
    assert ONE_SAMPLE.verdict([10.1], [10.0]).interval is None


def test_so_few_pairs_as_the_contract_allows() -> None:
    one = Gate(max_pairs=1)
    assert one.verdict([12.0, 11.0], [10.0, 10.5]).kind == "keep" and one.verdict([12.0, 10.0], [10.0, 10.5]).kind == "revert"
    two = Gate(max_pairs=2)
    assert two.verdict([12.0, 11.0], [10.0, 10.5]).kind == "more"
    assert two.verdict([12.0, 11.0, 12.5], [10.0, 10.5, 10.0]).kind == "revert", "0.5 and 2.5 may be anything"
    assert two.verdict([12.0, 11.0, 11.01], [10.0, 10.0, 10.0]).kind == "keep"


def promotions(gate: Gate, noise: float, tries: int, rng: random.Random) -> tuple[int, float]:
    """Of tries that change nothing; and by how much the last one's score is overstated."""
    known, kept = [1 + rng.gauss(0, noise) for _ in range(5)], 0
    for _ in range(tries):
        candidate, incumbent = [1 + rng.gauss(0, noise)], [sum(known) / len(known)]
        while (found := gate.verdict(candidate, incumbent)).kind == "more":
            incumbent.append(1 + rng.gauss(0, noise))
            candidate.append(1 + rng.gauss(0, noise))
        known += incumbent[1:]
        if found.kind == "keep":
            kept, known = kept + 1, list(after_selection(candidate))
    return kept, sum(known) / len(known) - 1


@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_fifty_tries_that_change_nothing_are_hardly_ever_promoted(noise: float) -> None:
    rng = random.Random(7)
    gated = [promotions(GATE, noise, 50, rng) for _ in range(60)]
    naive = [promotions(ONE_SAMPLE, noise, 50, rng) for _ in range(60)]
    assert sum(kept for kept, _ in gated) / 60 <= 2 < sum(kept for kept, _ in naive) / 60
    assert sum(over for _, over in gated) / 60 < noise / 2 < noise < sum(over for _, over in naive) / 60


def test_a_real_gain_as_large_as_the_noise_is_found_more_often_than_not() -> None:
    rng, kept, tries = random.Random(3), 0, 400
    for _ in range(tries):
        candidate, incumbent = [3 + rng.gauss(0, 1)], [1.0]
        while (found := GATE.verdict(candidate, incumbent)).kind == "more":
            incumbent.append(1 + rng.gauss(0, 1))
            candidate.append(3 + rng.gauss(0, 1))
        kept += found.kind == "keep"
    assert kept / tries > 0.85


def test_a_claim_carries_its_interval() -> None:
    said = claim([11.0, 12.0, 13.0], [10.0, 10.0, 11.0, 9.0])
    assert said.gain == pytest.approx(2.0) and said.low < 2.0 < said.high and said.better > 0.95
    assert said.relative is not None and said.relative[0] == pytest.approx(0.2)
    assert claim([-5.0, -5.0], [-10.0, -10.0]).relative == (0.5, 0.5, 0.5), "no noise, and smaller is better"
    assert claim([11.0], [10.0, 10.5]).low == -math.inf, "once is no interval"
    assert after_selection([9.0, 1.0, 2.0]) == [1.0, 2.0] and after_selection([9.0]) == [9.0]
