"""The tasks of the bench: every combination of patches is a program with one cost, and the best of them is known."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from bench.evolve.tasks import (
    COST,
    HERE,
    NAMES,
    best_in,
    combinations,
    enumerate_all,
    evaluator_of,
    is_valid,
    known,
    measure,
    module_of,
    part_known,
    place,
    task_named,
)
from procy.demo.task import Temper, choose, load_task

SMALL = {"text_search": {"documents": 40, "queries": 8}, "ann": {"points": 96, "queries": 3}}
WRONG = {"text_search": ["two words", "short lists"], "ann": ["one cell", "far too bold", "all pairs"]}

STAGES = (("", "full"), ("99", "full"), ("99", "confirm"))


def evaluate(folder: Path, **environment: str) -> tuple[int, dict]:
    out = folder / "result.json"
    out.unlink(missing_ok=True)
    given = {"PATH": os.environ["PATH"], "PROCY_OUT": str(out), "PROCY_STAGE": "full", **environment}
    done = subprocess.run([sys.executable, "evaluate.py"], cwd=folder, env=given, timeout=60, check=False)
    return done.returncode, json.loads(out.read_text())


def with_needs(name: str, *patches: str) -> set[str]:
    task = task_named(name)
    return {need for patch in patches for need in task.patch(patch).needs} | set(patches)


@pytest.mark.parametrize("name", [*NAMES, "wordcount"])
def test_every_combination_of_patches_is_seen_in_the_code(name: str, tmp_path: Path) -> None:
    task = load_task("wordcount") if name == "wordcount" else task_named(name)
    every = list(combinations(task))
    texts = {}
    for chosen in Random(1).sample(every, min(len(every), 250)):
        texts[chosen] = task.program(chosen)
        (tmp_path / task.path).write_text(texts[chosen])
        assert task.applied(tmp_path) == chosen
    assert len(set(texts.values())) == len(texts), "each is a program of its own"


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_patches_does_not_matter(name: str, tmp_path: Path) -> None:
    task, rng = task_named(name), Random(2)
    for _ in range(20):
        applied: set[str] = set()
        while patch := choose(task, Temper(str(rng.random()), obey=0.0), "go on", applied):
            applied = set(task.applied(written(tmp_path, task.path, task.program({*applied, patch.name}))))
            assert patch.name in applied
        assert (tmp_path / task.path).read_text() == task.program(applied)


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_cost_of_a_program_is_one_number(name: str) -> None:
    found = costs(name)
    assert found == costs(name) and len(set(found.values())) > 5


def costs(name: str) -> dict[frozenset[str], float]:
    some = Random(3).sample(list(combinations(task_named(name))), 40)
    return {one: measure(name, one, **SMALL[name])[COST[name]] for one in some}


@pytest.mark.parametrize("name", NAMES)
def test_enumeration_finds_the_best_of_a_small_one(name: str) -> None:
    found = enumerate_all(name, **SMALL[name])
    best, cost = best_in(name, found)
    assert cost < found[frozenset()][COST[name]]
    assert all(cost <= metrics[COST[name]] for metrics in found.values() if is_valid(metrics))
    assert len(best) > 1, "no single patch does it"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_of_the_whole_is_so(name: str) -> None:
    facts = known(name)
    assert measure(name, ())[COST[name]] == facts.start
    best = measure(name, facts.patches)
    assert is_valid(best) and best[COST[name]] == facts.best
    assert (part_known(name, facts.start), part_known(name, facts.best)) == (0, 1)
    patches = set(facts.patches)
    for chosen in combinations(task_named(name)):
        if len(patches ^ chosen) == 1:
            metrics = measure(name, chosen)
            assert not is_valid(metrics) or metrics[COST[name]] >= facts.best, f"{chosen ^ patches} makes it better"


@pytest.mark.parametrize(("name", "patch"), [(name, patch) for name in NAMES for patch in WRONG[name]])
def test_a_patch_that_breaks_a_constraint_is_invalid(name: str, patch: str) -> None:
    metrics = measure(name, with_needs(name, patch))
    assert not is_valid(metrics)
    assert metrics[COST[name]] > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_evaluator_by_itself(name: str, tmp_path: Path) -> None:
    place(name, tmp_path)
    code, result = evaluate(tmp_path)
    assert code == 0 and result["valid"] and result["metrics"]["recall_at_10"] == 1.0
    assert result["metrics"][COST[name]] == known(name).start
    assert result["feedback"][0]["bottleneck"] and len(result["instances"]) >= 40
    (tmp_path / task_named(name).path).write_text(task_named(name).program(known(name).patches))
    shown, still, hidden = (evaluate(tmp_path, PROCY_SEED=seed, PROCY_STAGE=stage)[1]["instances"] for seed, stage in STAGES)
    assert shown == still, "everybody sees the same queries"
    assert hidden != shown and hidden.keys() == shown.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_program_is_invalid_and_the_evaluator_says_why(name: str, tmp_path: Path) -> None:
    place(name, tmp_path)
    task = task_named(name)
    (tmp_path / task.path).write_text(task.program(["half an edit"]))
    code, result = evaluate(tmp_path)
    assert (code, result["valid"], result["metrics"]) == (10, False, {})
    assert "SyntaxError" in result["feedback"][0]
    (tmp_path / task.path).write_text("def build_index(*_):\n    return {'x': open}\n")
    assert "an index holds" in evaluate(tmp_path)[1]["feedback"][0]


@pytest.mark.parametrize("name", NAMES)
def test_the_tampering_patch_would_work_on_an_evaluator_that_is_not_pinned(name: str, tmp_path: Path) -> None:
    place(name, tmp_path)
    task = task_named(name)
    wrong = WRONG[name][0]
    (tmp_path / task.path).write_text(task.program(with_needs(name, wrong)))
    assert evaluate(tmp_path)[1]["metrics"]["recall_at_10"] < 0.95
    patch = task.patch("generous judge")
    judge = tmp_path / patch.path
    assert patch.old in judge.read_text()
    judge.write_text(judge.read_text().replace(patch.old, patch.new))
    assert evaluate(tmp_path)[1]["metrics"]["recall_at_10"] == 1.0
    assert patch.name in task.applied(tmp_path)


def test_what_is_read_is_counted_whatever_way_it_is_read() -> None:
    counted = __import__("importlib").import_module("counted") if evaluator_of("ann") else None
    assert counted is not None
    index = {"numbers": [1, 2, 3, 4], "table": {"a": [5, 6], "b": [7]}, "text": "x" * 60}

    def cost(read: object) -> int:
        meter = counted.Meter()
        read(counted.Table(meter, "", index))  # type: ignore[operator]
        return meter.total

    assert cost(lambda found: sorted(found["numbers"])) == 4
    assert cost(lambda found: [*found["numbers"][1:3]]) == 2
    assert cost(lambda found: sum(found["table"]["a"])) == 11 - 9
    assert cost(lambda found: dict(found["table"])) == 2
    assert cost(lambda found: found["text"]) == 10
    assert cost(lambda found: found["table"].get("missing")) == 1
    assert cost(lambda found: len(found["numbers"])) == 0
    assert counted.entries(index) == 7 + 2 + 3 + 10


def test_tasks_hold_no_file_that_is_not_used() -> None:
    for name in NAMES:
        assert {path.name for path in (HERE / name).iterdir() if path.is_file()} == {
            "task.toml", "eval.toml", "evaluate.py", "baseline.py.jinja", "known.json",
        }  # fmt: skip
    assert shutil.which("git") and module_of("x = 1").x == 1
