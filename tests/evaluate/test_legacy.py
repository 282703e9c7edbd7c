"""Scripts of the first procy run unchanged, with that one's contract."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from procy.errors import ConfigError, EvaluatorError, HandleError
from procy.evaluate import legacy
from procy.evaluate.draft import Draft, Wish, draft_of, rejudged
from procy.evaluate.register import Evaluator, pin, register
from procy.evaluate.run import Sample
from tests.evaluate.bench import Bench

TUTORIAL = """\
import json, os, sys, time
sys.path.insert(0, os.getcwd())
from baseline import build_index, search

docs = [f"word{i % 97} word{i % 13}" for i in range(500)]
start = time.time()
index = build_index(docs)
built = time.time() - start
start = time.time()
for i in range(50):
    search(index, f"word{i}")
print("benchmark done", file=sys.stderr)
results = {"recall_at_10": 1.0, "qps": 50 / (time.time() - start), "build_time_s": built, "notes": ["fast"], "commit": "abc"}
print(json.dumps(results))
"""
BASELINE = """\
def build_index(documents):
    return documents


def search(index, query, k=10):
    return [place for place, text in enumerate(index) if query in text][:k]
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.write("baseline.py", BASELINE)
    return bench


def drafted(bench: Bench, what: str, cwd: str = "", **wish: Any) -> Draft:
    return draft_of(bench.repo, bench.work / cwd, what, Wish(**wish))


def established(bench: Bench, draft: Draft) -> tuple[Evaluator, Sample]:
    """As ``procy eval set`` does it."""
    first = pin(bench.places, bench.repo, draft.contract, draft.files)
    sample = bench.measured(first)
    informed = draft.informed(sample.raw)
    sample = rejudged(sample, draft.contract, informed.contract)
    return register(bench.places, bench.repo, informed.contract, informed.files), sample


def names(draft: Draft) -> list[str]:
    return [metric.name for metric in draft.contract.metrics]


def goals(draft: Draft) -> dict[str, str]:
    return {metric.name: metric.direction for metric in draft.contract.metrics}


def test_the_tutorial(bench: Bench) -> None:
    """Its three metrics in their order, the first of which counts; what is no number is left out."""
    bench.write("eval_search.py", TUTORIAL)
    draft = drafted(bench, "eval_search.py")
    assert names(draft) == ["recall_at_10", "qps", "build_time_s"]
    assert goals(draft) == {"recall_at_10": "maximize", "qps": "maximize", "build_time_s": "minimize"}
    evaluator, sample = established(bench, draft)
    assert (sample.status, sample.score, evaluator.contract.objective) == ("ok", 1.0, "recall_at_10")
    assert list(sample.metrics) == ["recall_at_10", "qps", "build_time_s"]
    log = (bench.work / "eval.log").read_text()
    assert "benchmark done" in log and '"recall_at_10"' in log
    assert "eval.log" not in bench.repo.run("ls-tree", "-r", "--name-only", bench.commit())


def test_minimise_is_honoured(bench: Bench) -> None:
    """Of what is smaller when it is better, the smaller one has the higher score."""
    bench.write("judge.py", "print('{\"latency_ms\": %s, \"qps\": 1}' % open('solution.py').read().split()[-1])")
    evaluator, slow = established(bench, drafted(bench, "judge.py"))
    bench.write("solution.py", "SPEED = 2\n")
    fast = bench.measured(evaluator)
    assert evaluator.contract.objective == "latency_ms" and fast.score == -2 > slow.score == -3


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("METRICS_SCHEMA = [{'name': 'b', 'type': 'float', 'goal': 'minimize'}, {'name': 'a', 'goal': 'maximize'}]\n",
         {"b": "minimize", "a": "maximize"}),
        ("METRICS_SCHEMA: list = [{'name': 'loss', 'goal': 'max'}, {'name': 'error'}]\n",
         {"loss": "maximize", "error": "minimize"}),
        ("METRICS_SCHEMA = [{'type': 'float'}, 3, {'name': ''}]\nprint({'x': 1})\n", {"x": "maximize"}),
        ("METRICS_SCHEMA = make()\nprint(json.dumps({'x': 1, 'y': 2}))\n", {"x": "maximize", "y": "maximize"}),
        ("METRICS_SCHEMA = 'x'\nprint(json.dumps({'x': f()}))\n", {"x": "maximize"}),
        ("config = {'size': 3}\nout = {'z': 1, 'a': 2, 'name': 'x'}\nprint(json.dumps(out))\n",
         {"z": "maximize", "a": "maximize"}),
        ("print(1)\n", {}),
        ("def broken(:\n  print('{\"q\": 1}')", {"q": "maximize"}),
        ("#!/bin/bash\necho \"{\\\"cycles\\\": $n, \\\"note\\\": \\\"x\\\", \\\"ok\\\": $m}\"\n",
         {"cycles": "minimize", "ok": "maximize"}),
        ("printf '{\"p95\": %s, \"hits\": %s}\\n' $a $b\n", {"p95": "minimize", "hits": "maximize"}),
        ("const METRICS_SCHEMA = [{\"name\": \"ops\", \"goal\": \"maximize\"}];\nconsole.log(1)\n", {"ops": "maximize"}),
        ("", {}),
        ("\0", {}),
    ],
)  # fmt: skip
def test_metrics_of_a_source(source: str, found: dict[str, str]) -> None:
    metrics = legacy.metrics_in(source)
    assert {metric.name: metric.direction for metric in metrics} == found
    assert [metric.name for metric in metrics] == list(found)


def test_the_source_is_not_run(tmp_path: Path) -> None:
    legacy.metrics_in(f"open({str(tmp_path / 'made')!r}, 'w')\nMETRICS_SCHEMA = [open({str(tmp_path / 'made')!r}, 'w')]\n")
    assert not (tmp_path / "made").exists()


def test_metrics_of_the_first_result(bench: Bench) -> None:
    """What the source does not tell; its order where it does."""
    bench.write(
        "judge.py",
        "import json\nout = {}\nout['z'] = 1\nout['a'] = 2\nout['word'] = 'x'\nout['flag'] = True\nprint(json.dumps(out))",
    )
    draft = drafted(bench, "judge.py")
    assert names(draft) == []
    assert names(draft.informed({"z": 1, "a": 2, "word": "x", "flag": True})) == ["z", "a"]
    bench.write("judge.py", "import json\nprint(json.dumps({'z': 1, 'a': 2}, sort_keys=True))")
    assert names(drafted(bench, "judge.py").informed({"a": 2, "z": 1, "more": 3})) == ["z", "a", "more"]
    evaluator, sample = established(bench, drafted(bench, "judge.py"))
    assert (evaluator.contract.objective, sample.score) == ("z", 1)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("judge it.py", "print('{\"x\": 4}')"),
        ("judge it.sh", "[[ 1 == 1 ]] && echo '{\"x\": 4}'"),
        ("judge it.js", "console.log(JSON.stringify({x: 4}))"),
        ("judge it", "#!/bin/sh\necho '{\"x\": 4}'"),
        ("deep/er/judge.py", "print('{\"x\": 4}')"),
    ],
)
def test_runners(bench: Bench, name: str, source: str) -> None:
    bench.write(name, source).chmod(0o755)
    evaluator, sample = established(bench, drafted(bench, name))
    assert (sample.status, sample.score) == ("ok", 4.0), sample
    assert list(evaluator.files) == [name]


def test_outside_of_the_work_tree(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text("import os; print('{\"x\": %d}' % os.path.exists('solution.py'))")
    evaluator, sample = established(bench, drafted(bench, str(tmp_path / "theirs.py")))
    assert sample.score == 1 and list(evaluator.files) == [".procy/evaluator/theirs.py"]
    assert not (bench.work / ".procy/evaluator").exists()


def test_within_a_part_of_the_work_tree(bench: Bench) -> None:
    """It runs where it was set."""
    bench.write("part/value", "12")
    bench.write("part/judge.py", "print('{\"x\": %s}' % open('value').read())")
    sample = established(bench, drafted(bench, "judge.py", cwd="part"))[1]
    assert sample.score == 12 and (bench.work / "part/eval.log").exists()


def test_the_six_variables(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """And everything else that procy was given, as ever."""
    monkeypatch.setenv("SOMETHING", "else")
    bench.write("judge.sh", "env -0 | grep -z '^PROCY_\\|^SOMETHING' | tr '\\0' '|'; pwd; echo; echo '{\"x\": 1}'")
    evaluator, _ = established(bench, drafted(bench, "judge.sh"))
    output = bench.measured(
        evaluator, session_id="S", iteration=3, run_id="R", files_changed=("a b.py", "c.py"),
    ).output  # fmt: skip
    found = dict(one.split("=", 1) for one in output.split("|") if "=" in one)
    assert found.pop("PROCY_CWD") == output.split("|")[-1].splitlines()[0]
    assert found.pop("PROCY_FILES_CHANGED") == "a b.py\nc.py" and found["SOMETHING"] == "else"
    expected = {"PROCY_SESSION": "S", "PROCY_DB": bench.places.db, "PROCY_ITERATION": "3", "PROCY_EVOLVE_RUN_ID": "R"}
    assert {name: found[name] for name in expected} == expected


def test_standard_error_is_read_too(bench: Bench) -> None:
    bench.write("judge.py", "import sys; print('{\"x\": 1}'); print('{\"x\": 2}', file=sys.stderr)")
    assert established(bench, drafted(bench, "judge.py"))[1].score == 2


def test_no_score_without_exit_status_0(bench: Bench) -> None:
    bench.write("judge.py", "METRICS_SCHEMA = [{'name': 'x'}]; print('{\"x\": 1}'); raise SystemExit(3)")
    sample = established(bench, drafted(bench, "judge.py"))[1]
    assert (sample.status, sample.score) == ("crash", None)


def test_a_log_that_cannot_be_written(bench: Bench) -> None:
    bench.write("judge.py", "print('{\"x\": 1}')")
    (bench.work / "eval.log").mkdir()
    assert established(bench, drafted(bench, "judge.py"))[1].status == "ok"


# -- what is named ------------------------------------------------------------------------------------------------------


def test_command_lines(bench: Bench) -> None:
    """Not of the first procy: with the contract of a definition, and metrics as its first result tells."""
    bench.write("count.sh", 'echo \'{"cycles": 7, "hits": 2}\'')
    draft = drafted(bench, "sh count.sh", objective="cycles")
    assert not draft.contract.legacy and list(draft.files) == ["count.sh"]
    evaluator, sample = established(bench, draft)
    assert (sample.status, sample.score, evaluator.contract.objective) == ("ok", -7, "cycles")
    evaluator, sample = established(bench, drafted(bench, "sh count.sh", objective="hits", direction="minimize"))
    assert (sample.score, evaluator.name) == (-2, "sh")


def test_definitions_are_found(bench: Bench) -> None:
    """From below, too; the definition itself is the evaluator's own."""
    (bench.work / "deep").mkdir()
    draft = drafted(bench, "", cwd="deep", objective="cost")
    assert draft.contract.cwd == "" and draft.contract.objective == "cost"
    assert set(draft.files) == {"bench/eval.py", ".procy/eval.toml"}
    assert drafted(bench, ".procy/eval.toml").contract.objective == "speed"


def test_what_cannot_be_used(bench: Bench, tmp_path: Path) -> None:
    bench.write("data.txt", "x")
    for what, words, error in (
        ("nope.py", "there is no file nope.py", HandleError),
        ("./nope", "there is no file ./nope", HandleError),
        ("no-such-command --at all", "neither a file nor a command", HandleError),
        ("sh 'x", "is no command line", HandleError),
        ("data.txt", "cannot be executed. chmod +x", EvaluatorError),
    ):
        with pytest.raises(error) as raised:
            drafted(bench, what)
        assert words in str(raised.value)
    with pytest.raises(ConfigError, match=r"no metric is called 'x'\. Metrics are: speed, cost"):
        drafted(bench, "", objective="x")
    os.unlink(bench.work / ".procy/eval.toml")
    with pytest.raises(HandleError, match=r"there is no .procy/eval.toml in"):
        drafted(bench, "")
    bench.write("silent.py", "print(1)")
    silent = drafted(bench, "silent.py")
    with pytest.raises(EvaluatorError, match="no metric of the evaluator is known"):
        register(bench.places, bench.repo, silent.contract, silent.files)


def test_pin_and_link(bench: Bench) -> None:
    bench.write(".gitignore", "data/\n")
    bench.write("data/n", "5")
    bench.write("helper.py", "def read(): return open('data/n').read()")
    bench.write("judge.py", "import helper; print('{\"x\": %s}' % helper.read())")
    evaluator, sample = established(bench, drafted(bench, "judge.py", pin=("helper.*",), links=("data",)))
    assert sample.score == 5 and set(evaluator.files) == {"judge.py", "helper.py"}
    with pytest.raises(ConfigError, match="'nothing' matches no file"):
        drafted(bench, "judge.py", pin=("nothing",))
    with pytest.raises(ConfigError, match="is not below the work tree"):
        drafted(bench, "judge.py", links=("/etc",))
