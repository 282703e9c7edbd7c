"""`.procy/eval.toml`: what is read from it, and what is said of what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from procy.errors import ConfigError
from procy.evaluate import reading
from procy.evaluate.contract import Contract, Metric, Resources, from_json
from procy.evaluate.globs import matching
from procy.evaluate.naming import direction_of, kind_of
from procy.evaluate.programs import files_run
from procy.evaluate.reading import Definition, read_definition, read_file

EVERY_KEY = "\n".join(reading.__doc__.split("::", 1)[1].splitlines())


def read(text: str) -> Definition:
    return read_definition(reading.tomllib.loads(text), "/tree/.procy/eval.toml")


def test_every_key() -> None:
    """The example in the module's own words."""
    definition = read("\n".join(line.removeprefix("    ") for line in EVERY_KEY.splitlines()))
    contract = definition.contract
    assert [stage.name for stage in contract.stages] == ["smoke", "full"]
    assert contract.stage("smoke").timeout_s == 30 and contract.stage("full").timeout_s == 600
    assert contract.stage("confirm").command == ("/bin/sh", "-c", "python3 bench/eval.py")
    assert contract.metric("recall") == Metric(name="recall", at_least=0.95)
    assert contract.metric("qps") == Metric(name="qps", unit="1/s", kind="time", at_least=10)
    assert contract.metric("build_time_s").at_most == 60 and contract.objective == "qps" and contract.is_timed
    assert contract.guards == (("/bin/sh", "-c", "python3 -m pytest -q tests"),)
    assert contract.resources == Resources(memory_mb=4096) and not contract.network
    assert (definition.pin, contract.links, contract.seeds) == (("bench/*.py",), ("data",), (1, 2, 3))
    assert from_json(json.loads(json.dumps(contract.as_json()))) == contract


def test_little_is_enough() -> None:
    contract = read('command = ["./judge"]\n[metrics]\nerrors = "minimise"').contract
    assert contract.stages[0].command == ("./judge",) and contract.objective == "errors"
    assert contract.stage("smoke") is None and contract.name == "tree"
    assert contract.metric("errors").direction == "minimize"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('comand = "x"', "unknown setting comand. Did you mean command?"),
        ('command = "x"', "no metric is named"),
        ('[metrics]\nx = "maximize"', "command is missing"),
        ('command = 3\n[metrics]\nx = "maximize"', "command = 3 is no command"),
        ('command = "x"\n[metrics]\nx = "bigger"', "neither maximize nor minimize"),
        ('command = "x"\n[metrics]\nx = { minn = 3 }', "metrics.x.minn. Did you mean metrics.x.min?"),
        ('command = "x"\n[metrics]\nx = { kind = "speed" }', "metrics.x.kind"),
        ('command = "x"\nobjective = "y"\n[metrics]\nx = "maximize"', "objective names 'y', which is no metric. Metrics are: x"),
        ('command = "x"\nconstraints = ["x > 3"]\n[metrics]\nx = "maximize"', "METRIC >= NUMBER"),
        ('command = "x"\ntimeout = 0\n[metrics]\nx = "maximize"', "must be positive"),
        ('command = "x"\ntimeout = "1"\n[metrics]\nx = "maximize"', "timeout = '1' is not of type"),
        ('command = "x"\n[metrics]\nx = "maximize"\n[stages.smoky]', "stages.smoky. Did you mean stages.smoke?"),
        ('command = "x"\n[metrics]\nx = "maximize"\n[resources]\ncores = 0', "resources.cores = 0 must be positive"),
        ('command = "x"\nlink = ["../data"]\n[metrics]\nx = "maximize"', "'../data' is not below the work tree"),
        ('command = "x"\nnetwork = "yes"\n[metrics]\nx = "maximize"', "network = 'yes' is not of type bool"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(text)
    assert words in str(error.value) and "/tree/.procy/eval.toml" in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no"):
        read_file(tmp_path / "eval.toml")
    (tmp_path / "eval.toml").write_text("command = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_file(tmp_path / "eval.toml")
    (tmp_path / "eval.toml").write_bytes(b'command = "\xff"')
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_file(tmp_path / "eval.toml")


# -- judging ------------------------------------------------------------------------------------------------------------


def contract(*metrics: Metric) -> Contract:
    return Contract(name="x", stages=(), metrics=metrics, objective=metrics[0].name, ties=("b",))


def test_the_score_is_larger_when_it_is_better() -> None:
    assert contract(Metric(name="a")).judge({"a": 3}).score == 3
    assert contract(Metric(name="a", direction="minimize")).judge({"a": 3}).score == -3


def test_what_does_not_count() -> None:
    one = contract(Metric(name="a", at_least=0), Metric(name="b", at_most=0.5))
    assert one.judge({"a": 1, "b": 0.5}).score == 1
    assert one.judge({"a": 1, "b": 0.6}).reason == "b is 0.6, and must be at most 0.5"
    assert one.judge({"a": -1, "b": 0.5}).reason == "a is -1, and must be at least 0"
    assert "lacks b, which is constrained" in one.judge({"a": 1}).reason
    assert "lacks a, which is the objective" in one.judge({"b": 0}).reason
    assert all(one.judge(bad).score is None for bad in ({"a": float("nan"), "b": 0}, {"a": 1, "b": float("-inf")}))


def test_ties() -> None:
    one = contract(Metric(name="a"), Metric(name="b", direction="minimize"))
    assert one.tie_break({"a": 1, "b": 3}) > one.tie_break({"a": 1, "b": 4}) > one.tie_break({"a": 1})


# -- names --------------------------------------------------------------------------------------------------------------


def test_names_tell_directions() -> None:
    smaller = "latency_ms build_time_s error errorRate val_loss cost peak_memory bytes_read size_mb p95 cycles total_seconds rmse"
    larger = (
        "recall_at_10 recall@10 qps throughput ops_per_s bytes_per_second accuracy items score mb_per_s speedup requests/s f1"
    )
    assert {name for name in smaller.split() if direction_of(name) != "minimize"} == set()
    assert {name for name in larger.split() if direction_of(name) != "maximize"} == set()
    timed = "latency_ms build_time_s qps ops_per_s runtime"
    assert {name for name in timed.split() if kind_of(name) != "time"} == set()
    assert {name for name in ("recall", "cost", "items", "accuracy") if kind_of(name)} == set()


def test_globs() -> None:
    paths = ["tests/a.py", "tests/deep/b.py", "src/tests/c.py", "conftest.py", "src/conftest.py", "a.py"]
    assert matching(paths, ["tests/"]) == ("tests/a.py", "tests/deep/b.py", "src/tests/c.py")  # as in .gitignore
    assert matching(paths, ["./tests"]) == ("tests/a.py", "tests/deep/b.py")
    assert matching(paths, ["tests/**"]) == ("tests/a.py", "tests/deep/b.py")
    assert matching(paths, ["tests/*.py"]) == ("tests/a.py",)
    assert matching(paths, ["conftest.py"]) == ("conftest.py", "src/conftest.py")
    assert matching(paths, ["**/c*.py"]) == ("src/tests/c.py", "conftest.py", "src/conftest.py")
    assert matching(paths, ["tests/*"], "src") == ("src/tests/c.py",)


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("python3 bench/eval.py --target a.py", ("bench/eval.py",)),
        ("python3.12 -u bench/eval.py", ("bench/eval.py",)),
        ("cd . && OMP_NUM_THREADS=1 nice -n 5 python3 ./bench/eval.py | tee x; ./go.sh a.py", ("bench/eval.py", "go.sh")),
        ("python3 -m bench.eval", ("bench/eval.py",)),
        ("pytest -q bench/eval.py::test_a", ("bench/eval.py",)),
        ("make bench", ()),
        ("cat a.py", ()),
        ("python3 'unfinished", ()),
        ("python3 /etc/hostname", ()),
    ],
)
def test_files_that_a_command_runs(tmp_path: Path, command: str, files: tuple[str, ...]) -> None:
    for name in ("bench/eval.py", "a.py", "go.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert files_run(("/bin/sh", "-c", command), tmp_path) == files
    if " " in command and not set(command) & set("&|'="):
        assert files_run(tuple(command.split()), tmp_path) == files
