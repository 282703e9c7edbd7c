"""The simulator: what it says of landscapes is true, and the real strategies and gate run on it."""

from __future__ import annotations

import re
from itertools import product
from random import Random

import pytest

from bench.evolve import __main__ as simulator
from bench.evolve.agent import ProxyModel, anything, rewrite, work
from bench.evolve.drive import Simulation, run
from bench.evolve.landscape import FAMILIES, KNOBS, LEVELS, RECALL, State, landscape
from procy.evolve.gate import Gate
from procy.evolve.strategies import strategy_named
from procy.tries import Choice, Outcome

LAND = landscape(7)


def test_the_optimum_is_that_of_all_186624_states() -> None:
    best = float("-inf")
    for family, levels in product(range(FAMILIES), product(range(LEVELS), repeat=KNOBS)):
        state = State(family, levels)
        speed = LAND.speed.at(state)
        if speed > best and LAND.recall_of(state) >= RECALL:
            best = speed
    assert LAND.top == pytest.approx(best) and LAND.top > LAND.floor


def test_a_landscape_is_the_same_again_and_utility_goes_from_the_start_to_the_best() -> None:
    assert landscape(7) == LAND != landscape(8)
    assert LAND.utility(LAND.start) == 0.0 and LAND.recall_of(LAND.start) >= RECALL
    rng, seen = Random(1), []
    for _ in range(500):
        state = State(rng.randrange(FAMILIES), tuple(rng.randrange(LEVELS) for _ in range(KNOBS)))
        seen.append((LAND.recall_of(state) >= RECALL, LAND.utility(state)))
    assert all(utility <= 1.0 for _, utility in seen)
    assert all(utility == 0.0 for is_good, utility in seen if not is_good) and {is_good for is_good, _ in seen} == {True, False}


def test_the_agent_obeys_strays_and_breaks_as_often_as_it_says() -> None:
    rng, count = Random(2), 4000
    state, other = State(0, (0,) * KNOBS), State(0, (1, *(0,) * (KNOBS - 1)))
    done = [work(state, other, rng) for _ in range(count)]
    assert sum(found.state == other and found.builds for found in done) / count == pytest.approx(0.85, abs=0.03)
    assert sum(not found.builds for found in done) / count == pytest.approx(0.05, abs=0.015)
    done = [work(state, rewrite(state, rng), rng) for _ in range(count)]
    assert sum(not found.builds for found in done) / count == pytest.approx(0.15, abs=0.02)
    assert {found.files[0] for found in done if found.state.family} == {"main.c"}


def test_a_skilled_proxy_model_asks_for_better_things_and_for_nothing_twice() -> None:
    start = Outcome(id="0", seq=0, parent_id=None, status="ok", decision="kept", score=1.0)
    means = []
    for skill in (0.0, 1.0):
        model = ProxyModel(LAND, skill, Random(3))
        wanted = [model.prompt(Choice(start), LAND.start) for _ in range(30)]
        assert len(set(wanted)) == 30
        means.append(sum(LAND.speed_of(state) for state in wanted) / 30)
    assert means[1] > means[0] + 0.1
    explored = model.prompt(Choice(start, mode="explore"), LAND.start)
    assert explored.family != LAND.start.family and explored.levels == LAND.start.levels
    assert anything(LAND.start, Random(1)) != LAND.start


def test_without_noise_nothing_is_overstated_and_nothing_is_lost() -> None:
    simulation = Simulation(LAND, strategy_named("greedy"), Gate(), 0.0, 1)
    course = run(simulation, (5, 20, 40))
    assert course.overclaim == pytest.approx((0.0, 0.0, 0.0)) and course.runs < 2
    assert 0 < course.utility[0] <= course.utility[1] <= course.utility[2] <= 1
    assert run(Simulation(LAND, strategy_named("greedy"), Gate(), 0.0, 1), (5, 20, 40)) == course


def test_an_agent_that_does_nothing_is_promoted_by_one_sample_and_hardly_by_the_gate() -> None:
    kept = {}
    for confirm in ("yes", "no"):
        found = (
            run(Simulation(LAND, strategy_named("stall-switch", {"confirm": confirm}), Gate(), 0.15, number, is_idle=True), (50,))
            for number in range(20)
        )
        kept[confirm] = sum(course.kept for course in found) / 20
    assert kept["yes"] <= 2 < kept["no"]


def test_the_default_beats_the_first_procy_by_far() -> None:
    scores = {
        name: sum(run(Simulation(landscape(n), strategy_named(name), Gate(), 0.15, n), (50,)).utility[0] for n in range(900, 912))
        for name in ("seed", "stall-switch")
    }
    assert scores["stall-switch"] > 3 * scores["seed"]


def test_the_bench_prints_a_line_for_every_figure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(simulator, "PROMPTS", (5, 50))
    monkeypatch.setattr(simulator, "NOISES", (0.15,))
    monkeypatch.setattr("sys.argv", ["bench.evolve", "--landscapes", "4", "--jobs", "1"])
    assert simulator.main() == 0
    printed = capsys.readouterr().out
    last = [line for line in printed.splitlines() if line.startswith("RESULT")]
    assert printed.endswith("\n".join(last) + "\n")
    for words in (
        r"RESULT strategy=stall-switch noise=0\.15 prompts=50 score=0\.\d{3} ±\d",
        r"RESULT strategy=seed noise=0\.15 prompts=5 score=0\.\d{3} ±\d",
        r"RESULT strategy=map-elites noise=0\.15 prompts=50 overclaim=-?\d\.\d{3} ±\d",
        r"RESULT gate=default noise=0\.15 noop_promotions=\d\.\d\d per=50 ±\d",
    ):
        assert any(re.match(words, line) for line in last), words
