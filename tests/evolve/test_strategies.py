"""Which try each strategy goes on from, on outcomes that are made up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from procy.errors import ConfigError
from procy.evolve.strategies import DEFAULT, settled, strategy_named, summaries
from procy.evolve.strategies.map_elites import MapElites
from procy.evolve.strategies.seed_rule import SeedRule
from procy.evolve.strategies.stall_switch import StallSwitch
from procy.tries import Choice, Outcome, Strategy

ROOT = Path(__file__).parents[2]
START = Outcome(id="0", seq=0, parent_id=None, status="ok", decision="kept", score=10.0, metrics={"recall": 0.96, "qps": 10.0})


def after(seq: int, score: float | None, decision: str = "reverted", parent: str = "0", **more: Any) -> Outcome:
    status = more.pop("status", "ok")
    return Outcome(id=str(seq), seq=seq, parent_id=parent, status=status, decision=decision, score=score, **more)  # type: ignore[arg-type]


def shown(strategy: Strategy, outcomes: Sequence[Outcome]) -> Strategy:
    for outcome in outcomes:
        strategy.observe(outcome)
    return strategy


def picks(strategy: Strategy, count: int = 200) -> set[str]:
    return {strategy.pick_parent(Random(number)).parent.id for number in range(count)}


def play(strategy: Strategy, tries: int, first: int = 1) -> list[Choice]:
    """A loop with an agent whose work has a score by chance, and fails now and then."""
    choices = []
    for seq in range(first, first + tries):
        choice = strategy.pick_parent(Random(f"pick {seq}"))
        luck = Random(f"work {seq}")
        score = (choice.parent.score or 0.0) + luck.gauss(0, 2) if luck.random() < 0.8 else None
        incumbent = strategy.incumbent(choice)
        decision = "failed" if score is None else "kept" if score > (incumbent.score or 0.0) else "reverted"
        metrics = {"recall": luck.random(), "qps": score} if score is not None else {}
        strategy.observe(
            after(seq, score, decision, choice.parent.id, metrics=metrics, incumbent_id=incumbent.id, notes=choice.notes,
                  files=tuple(f"f{luck.randrange(6)}" for _ in range(2)))
        )  # fmt: skip
        choices.append(choice)
    return choices


@pytest.mark.parametrize("name", list(summaries()))
def test_a_resumed_run_picks_what_it_would_have_picked(name: str) -> None:
    whole, resumed = (shown(strategy_named(name), [START]) for _ in range(2))
    play(whole, 60)
    shown(resumed, whole.outcomes[1:])  # type: ignore[attr-defined]
    assert play(whole, 30, first=61) == play(resumed, 30, first=61) and whole.best() == resumed.best()


@pytest.mark.parametrize("name", [name for name in summaries() if name != "seed"])
def test_what_was_not_measured_is_never_a_parent_nor_the_best(name: str) -> None:
    strategy = shown(strategy_named(name), [START])
    assert all(choice.parent.is_measured for choice in play(strategy, 150))
    assert strategy.best().is_measured and strategy.best().decision == "kept"


@pytest.mark.parametrize("name", list(summaries()))
def test_a_start_that_breaks_the_constraint_is_left_by_the_first_try_that_does_not(name: str) -> None:
    strategy = shown(strategy_named(name), [after(0, None, "failed", parent=""), after(1, None, "failed")])
    assert strategy.incumbent(strategy.pick_parent(Random(1))).id == "0"
    shown(strategy, [after(2, -5.0, "kept", metrics={"qps": 5.0}, incumbent_id="0")])
    assert strategy.best().id == "2"


def test_greedy_believes_the_gate_and_not_two_scores_of_different_times() -> None:
    strategy = shown(strategy_named("greedy"), [START, after(1, 14.0, "kept", incumbent_id="0")])
    shown(strategy, [after(2, 13.0, "kept", "1", incumbent_id="1", gain=(2.0, 1.0, 3.0))])
    assert picks(strategy) == {"2"} and strategy.best().id == "2", "1 was lucky"
    shown(strategy, [after(3, 12.5, "kept", "1", incumbent_id="1")])
    assert strategy.best().id == "2", "a lane that beat what had been replaced meanwhile"


def test_stall_switch_goes_elsewhere_after_six_tries_in_vain_and_explores_after_twelve() -> None:
    strategy = shown(StallSwitch(), [START, after(1, 20.0, "kept"), after(2, 19.9, parent="1")])
    modes = {}
    for seq in range(3, 16):
        choice = strategy.pick_parent(Random(seq))
        modes[strategy.idle] = (choice.parent.id, choice.mode)
        shown(strategy, [after(seq, 12.0, parent=choice.parent.id)])
    assert {idle for idle, (parent, _) in modes.items() if parent == "1"} >= set(range(1, 6))
    assert {parent for idle, (parent, _) in modes.items() if idle >= 6} == {"1", "2"}, "the second best, and both by turns"
    assert [idle for idle, (_, mode) in modes.items() if mode == "explore"] == [12]
    assert strategy.incumbent(Choice(strategy.outcomes[2])).id == "1", "whatever it starts from must beat the best"
    shown(strategy, [after(16, 21.0, "kept", "2", incumbent_id="1")])
    assert strategy.pick_parent(Random(1)) == Choice(strategy.outcomes[-1]), "and goes on from there at once"


def test_stall_switch_shows_the_best_to_whoever_starts_elsewhere() -> None:
    strategy = shown(StallSwitch(stall=1, toll=100), [START, after(1, 20.0, "kept"), after(2, 19.0, parent="1")])
    shown(strategy, [after(3, 12.0, parent="1")])
    choice = strategy.pick_parent(Random(1))
    assert (choice.parent.id, [found.id for found in choice.inspirations]) == ("2", ["1"])


def cells(strategy: MapElites, island: int) -> dict[str, float | None]:
    return {outcome.id: outcome.score for outcome in strategy.islands[island]}


def test_map_elites_replaces_an_elite_by_a_better_one_of_its_kind_only() -> None:
    strategy = MapElites(islands=1, bins=2, features=["recall"])
    shown(strategy, [START, after(1, 9.0, metrics={"recall": 0.2}), after(2, 8.0, metrics={"recall": 0.95})])
    assert cells(strategy, 0) == {"0": 10.0, "1": 9.0}, "2 is of the start's kind, and worse"
    shown(strategy, [after(3, 9.5, metrics={"recall": 0.21}), after(4, 11.0, metrics={"recall": 0.97})])
    assert cells(strategy, 0) == {"3": 9.5, "4": 11.0}
    shown(strategy, [after(5, None, "failed", metrics={"recall": 0.99})])
    assert picks(strategy) == {"3", "4"}


def test_map_elites_tells_kinds_apart_by_the_files_of_all_tries_since_the_start() -> None:
    strategy = shown(MapElites(islands=1, bins=2), [START])
    shown(strategy, [after(1, 9.0, files=("a",)), after(2, 8.0, parent="1", files=("b", "c")), after(3, 7.0, parent="2")])
    assert strategy.value(strategy.outcomes[3], "files") == 3
    assert set(cells(strategy, 0)) == {"0", "1"}


def test_map_elites_finds_a_feature_by_itself_that_is_not_the_score() -> None:
    strategy = shown(MapElites(), [START, after(1, -3.0, metrics={"latency": 3.0, "memory": 7.0})])
    assert strategy.guessed() == ("files", "recall")
    only = shown(MapElites(), [after(0, -3.0, metrics={"latency": 3.0}), after(1, -2.0, metrics={"latency": 2.0})])
    assert only.guessed() == ("files",)


def test_map_elites_has_islands_of_their_own_and_the_best_travel_round_the_ring() -> None:
    strategy = shown(MapElites(islands=3, migrate=4), [START])
    assert [strategy.pick_parent(Random(1)).notes["island"]] == [0]
    shown(strategy, [after(1, 11.0, "kept", notes={"island": 0}, metrics={"recall": 0.5})])
    assert strategy.pick_parent(Random(1)).notes == {"island": 1}
    shown(strategy, [after(2, 12.0, "kept", notes={"island": 1}, metrics={"recall": 0.6})])
    shown(strategy, [after(3, 13.0, "kept", notes={"island": 2}, metrics={"recall": 0.7})])
    own = [set(cells(strategy, island)) - {"0"} for island in range(3)]
    assert own == [{"1"}, {"2"}, {"3"}]
    shown(strategy, [after(4, None, "failed", notes={"island": 0})])
    assert [max(cells(strategy, island), key=int) for island in range(3)] == ["3", "2", "3"]
    assert "1" in cells(strategy, 1) or cells(strategy, 1)["2"] == 12.0, "a traveller stays where it is of another kind or better"
    assert strategy.best().id == "3"


def test_map_elites_reaches_every_island_and_cell() -> None:
    strategy = shown(MapElites(islands=2, migrate=1000), [START])
    play(strategy, 80)
    assert all(len(island) > 2 for island in strategy.islands)
    assert not (set(cells(strategy, 0)) & set(cells(strategy, 1))) - {"0"}


def test_the_seed_takes_the_worst_latency_for_the_best() -> None:
    strategy = SeedRule()
    slower = [after(seq, -float(seq), metrics={"latency": float(seq)}) for seq in range(1, 6)]
    shown(strategy, [START, *slower])
    assert strategy.best().metrics["latency"] == 5.0
    assert "5" in picks(strategy)


def test_the_seed_takes_a_failure_for_the_best_where_scores_are_negative() -> None:
    strategy = SeedRule(metric="score")
    shown(strategy, [START, after(1, -3.0, "kept", metrics={"latency": 3.0}), after(2, None, "failed", status="crash")])
    assert strategy.best().id == "0", "never measured, and 0 is more than -3"
    assert "2" in picks(strategy), "and goes on from what does not run"


def test_the_seed_scores_by_the_first_metric_and_breaks_the_constraint() -> None:
    fast = after(1, None, "failed", metrics={"qps": 99.0, "recall": 0.1})
    good = after(2, 20.0, "kept", metrics={"qps": 20.0, "recall": 0.96})
    assert shown(SeedRule(), [START, fast, good]).best().id == "1"
    assert shown(SeedRule(metric="score"), [START, fast, good]).best().id == "2"


def test_random_always_starts_anew() -> None:
    strategy = shown(strategy_named("random"), [START, after(1, 20.0, "kept")])
    assert picks(strategy) == {"0"} and strategy.incumbent(Choice(START)).id == "1" and strategy.best().id == "1"


def test_strategies_have_names_options_and_words() -> None:
    assert next(iter(summaries())) == DEFAULT == strategy_named("stall_switch").name
    assert all(0 < len(text) < 80 for text in summaries().values())
    assert len(strategy_named("map-elites", {"islands": "5", "features": "recall,files"}).islands) == 5  # type: ignore[attr-defined]
    assert strategy_named("greedy").confirms and not strategy_named("greedy", {"confirm": "no"}).confirms
    for name, options, words in (
        ("best", {}, "no strategy best. There are: stall-switch, greedy"),
        ("greedy", {"stall": "3"}, "has no option stall. It has: confirm"),
        ("stall-switch", {"stall": "0"}, "stall = 0. Give a whole number of at least 1"),
        ("map-elites", {"confirm": "maybe"}, "confirm = maybe. Give yes or no"),
    ):
        with pytest.raises(ConfigError, match=re.escape(words)):
            strategy_named(name, options)


def test_the_example_of_the_documentation_is_a_strategy(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "plugins.md").read_text()
    (example,) = re.findall(r"```python\n(# my_strategy\.py\n.*?)```", text, re.DOTALL)
    path = tmp_path / "my_strategy.py"
    path.write_text(example)
    strategy = shown(strategy_named(str(path), {"confirm": "no"}), [START, after(1, 20.0, "kept"), after(2, 15.0)])
    assert picks(strategy) == {"1", "2"} and not strategy.confirms and strategy.best().id == "1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no strategy file"),
        ("strategy = 1", "defines no strategy(options)"),
        ("def strategy(options): return object()", "has no observe, pick_parent, incumbent, best"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named"),
        ("def strategy(options): return options['x']", "KeyError"),
    ],
)
def test_a_file_that_is_no_strategy_is_refused_in_words(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(words)):
        strategy_named(str(path))


def test_a_path_is_settled_before_the_loop_goes_to_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settled("./mine.py") == str(tmp_path / "mine.py") and settled("greedy") == "greedy"
