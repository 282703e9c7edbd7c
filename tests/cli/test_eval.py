"""`procy eval`: the commands, on real work trees, and with the scripted agent that writes an evaluator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Lab, wait_until

JUDGE = """\
import json, sys
sys.path.insert(0, ".")
from solution import VALUE
print("judging")
print(json.dumps({"right": min(VALUE, 4) / 4, "latency": 10 - VALUE}))
"""
TOML = """\
name = "judge"
command = ["python3", "bench/judge.py"]
protect = ["tests/"]
constraints = ["right >= 0.5"]
[metrics]
right = "maximize"
latency = "minimize"
"""
COUNTER = "from collections import Counter\n\n\ndef count(text):\n    return Counter(text.split())\n"


@pytest.fixture
def work(lab: Lab) -> Iterator[Lab]:
    """A work tree with a solution, a test, and an evaluator that is not registered yet."""
    for name, text in (
        ("solution.py", "VALUE = 3\n"), ("tests/test_it.py", ""), ("bench/judge.py", JUDGE), (".procy/eval.toml", TOML),
    ):  # fmt: skip
        write(lab, name, text)
    git(lab, "init", "-q", "-b", "main")
    git(lab, "add", "-A")
    git(lab, "commit", "-q", "-m", "start")
    yield lab


def write(lab: Lab, name: str, text: str) -> None:
    path = lab.work / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def git(lab: Lab, *words: str) -> str:
    author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@localhost")
    return subprocess.run(["git", *author, *words], cwd=lab.work, capture_output=True, text=True, check=True).stdout


def test_set_show_run_metrics(work: Lab) -> None:
    """One story, and the work tree stays as it was."""
    done = work.procy("eval", "run", check=False)
    assert done.returncode == 1 and "has no evaluator. Set one: procy eval set FILE" in done.stderr

    done = work.procy("eval", "set")
    assert "detected metrics: right, latency" in done.stderr and "evaluator judge is registered: maximize right" in done.stderr
    assert "0.75" in done.stdout

    shown = json.loads(work.procy("eval", "show", "--json").stdout)
    assert set(shown["files"]) == {"bench/judge.py", ".procy/eval.toml"} and shown["last"]["status"] == "ok"
    text = work.procy("eval", "show").stdout
    assert "python3 bench/judge.py" in text and "right: maximize, ≥ 0.5, the objective" in text and "tests/" in text

    write(work, "solution.py", "VALUE = 4\n")
    done = work.procy("eval", "run")
    assert done.stderr.startswith("judging\n") and "right *" in done.stdout and "+33.3 %" in done.stdout
    assert [row["score"] for row in json.loads(work.procy("eval", "metrics", "--json").stdout)] == [0.75, 1.0]

    write(work, "solution.py", "VALUE = 1\n")
    done = work.procy("eval", "run", check=False)
    assert done.returncode == 1 and "invalid  right is 0.25, and must be at least 0.5" in done.stdout
    result = json.loads(work.procy("eval", "run", "HEAD", "--json").stdout)
    assert (result["status"], result["metrics"], result["commit"]) == (
        "ok",
        {"right": 0.75, "latency": 7},
        git(work, "rev-parse", "HEAD").strip(),
    )

    table = work.procy("eval", "metrics").stdout
    assert (
        table.count("ok") == 3
        and "▁█▁" in table
        and table.splitlines()[-2].split() == ["right", "*", "▁█▁", "0.75", "1", "-25.0", "%", "0.75", "=", "1", "-25.0", "%"]
    )
    assert len(json.loads(work.procy("eval", "metrics", "--limit", "2", "--json").stdout)) == 2
    assert git(work, "status", "--short") == " M solution.py\n" and git(work, "worktree", "list").count("\n") == 1


def test_several_runs_and_seeds(work: Lab) -> None:
    write(work, "bench/judge.py", "import os; print('{\"right\": 1, \"latency\": %s}' % os.environ['PROCY_SEED'])")
    write(work, ".procy/eval.toml", "seeds = [7, 8]\n" + TOML)
    work.procy("eval", "set")
    found = json.loads(work.procy("eval", "run", "--repeat", "3", "--json").stdout)
    assert [(one["seed"], one["metrics"]["latency"]) for one in found] == [(7, 7), (8, 8), (7, 7)]
    assert json.loads(work.procy("eval", "run", "--seed", "3", "--json").stdout)["seed"] == 3
    done = work.procy("eval", "run", "--stage", "smoke", check=False)
    assert done.returncode == 1 and "has no stage 'smoke'" in done.stderr


def test_what_runs_is_what_was_registered(work: Lab) -> None:
    work.procy("eval", "set")
    write(work, "bench/judge.py", "print('{\"right\": 9}')")
    done = work.procy("eval", "run", "--json")
    assert json.loads(done.stdout)["metrics"]["right"] == 0.75
    assert "bench/judge.py changed since it was registered" in done.stderr and "procy eval set" in done.stderr
    assert "another one is in the work tree" in work.procy("eval", "show").stdout


def test_what_does_not_work_is_not_registered(work: Lab) -> None:
    write(work, ".gitignore", "data\n")
    write(work, "data", "x")
    write(work, "bench/judge.py", "open('data')")
    done = work.procy("eval", "set", check=False)
    assert done.returncode == 1 and "came out as crash: exit status 1: FileNotFoundError" in done.stderr
    assert "what git ignores is not in the checkout; lend it with link" in done.stderr
    assert work.procy("eval", "show", check=False).returncode == 1
    done = work.procy("eval", "set", "python3", "bench/judge.py", "--no-run", check=False)
    assert done.returncode == 1 and "no metric of the evaluator is known" in done.stderr
    work.procy("eval", "set", "python3", "bench/judge.py", "--no-run", "--objective", "cycles")
    assert "cycles: minimize" in work.procy("eval", "show").stdout
    write(work, ".procy/eval.toml", "comand = 3")
    done = work.procy("eval", "set", check=False)
    assert done.returncode == 1 and "eval.toml: unknown setting comand. Did you mean command?" in done.stderr


def test_scripts_and_command_lines(work: Lab) -> None:
    write(work, "my judge.sh", 'echo \'{"latency_ms": 5, "hits": 2}\'')
    done = work.procy("eval", "set", "my judge.sh", "--name", "mine")
    assert "detected metrics: latency_ms, hits" in done.stderr and "evaluator mine is registered: minimize" in done.stderr
    assert json.loads(work.procy("eval", "run", "--json").stdout)["score"] == -5
    work.procy("eval", "set", "my", "judge.sh", "--objective", "hits")  # blanks that nobody quoted
    work.procy("eval", "set", "sh", "my judge.sh", "--objective", "hits", "--minimize")
    shown = json.loads(work.procy("eval", "show", "--json").stdout)
    assert shown["name"] == "sh" and shown["definition"]["objective"] == "hits" and shown["last"]["score"] == -2
    assert json.loads(work.procy("eval", "show", "mine", "--json").stdout)["name"] == "mine"
    done = work.procy("eval", "run", "--name", "nobody", check=False)
    assert "has no evaluator 'nobody'. It has: sh, my judge, mine" in done.stderr


def test_another_database(work: Lab, tmp_path: Path) -> None:
    work.procy("eval", "set", "--db", str(tmp_path / "other.db"))
    assert work.procy("eval", "show", check=False).returncode == 1
    assert work.procy("eval", "run", "--db", str(tmp_path / "other.db")).returncode == 0


# -- doctor -------------------------------------------------------------------------------------------------------------


def doctor(work: Lab, *words: str) -> tuple[int, dict[str, str], dict]:
    """Exit status, what was found → level, numbers."""
    done = work.procy("eval", "doctor", "--runs", "2", "--json", *words, check=False)
    found = json.loads(done.stdout)
    return done.returncode, {one["what"]: one["level"] for one in found["findings"]}, found["metrics"]


def level_of(findings: dict[str, str], words: str) -> str:
    [level] = [level for what, level in findings.items() if words in what]
    return level


def test_doctor_of_a_good_one(work: Lab) -> None:
    work.procy("eval", "set")
    code, findings, metrics = doctor(work)
    assert code == 0, findings
    assert level_of(findings, "right is 0.75 in each of 4 runs") == "ok" and metrics["right"]["smallest_gain"] == 0
    for words in ("changes nothing is no gain", "without any code the result is crash", "changes bench/judge.py is tampered",
                  "changes tests/test_it.py is tampered", "leaves its session and parent is ended"):  # fmt: skip
        assert level_of(findings, words) == "ok"
    rows = work.rows("SELECT purpose, status FROM evaluations ORDER BY started_at")
    assert [row["status"] for row in rows if row["purpose"] == "doctor"] == ["ok"] * 4 + ["crash", *["tampered"] * 3]
    assert len(json.loads(work.procy("eval", "metrics", "--json").stdout)) == 1
    text = work.procy("eval", "doctor", "--runs", "2").stdout
    assert "✓ a commit that changes nothing is no gain" in text


def test_doctor_of_bad_ones(work: Lab) -> None:
    write(work, ".procy/eval.toml", TOML.replace("protect", "guards = []\n#"))
    write(work, "bench/judge.py", 'import random; print(\'{"right": %f, "latency": 1}\' % 10 ** (4 * random.random()))')
    work.procy("eval", "set")
    code, findings, metrics = doctor(work)
    assert code == 1 and level_of(findings, "would not be believed") != "ok" and metrics["right"]["cv"] > 0.01
    assert level_of(findings, "differs although code and seed are the same") == "note"
    assert level_of(findings, "nothing is protected but the evaluator's own") == "note"
    write(work, "bench/judge.py", "import subprocess; print('{\"right\": 0.%d, \"latency\": 1}' % (5 + int(subprocess.run("
          "['git', 'log', '-1', '--format=%B'], capture_output=True, text=True).stdout.count('nothing changed'))))")  # fmt: skip
    work.procy("eval", "set")
    code, findings, _ = doctor(work)
    assert code == 1 and level_of(findings, "a commit that changes nothing differs in right by far more") == "problem"
    assert level_of(findings, "without any code it still gives right 0.5, as good as with it") == "problem"
    work.procy("eval", "set", "echo '{\"x\": 1}'")
    code, findings, _ = doctor(work)
    assert code == 1 and level_of(findings, "no file is pinned") == "problem"


def test_doctor_of_one_that_does_not_run(work: Lab) -> None:
    work.procy("eval", "set")
    write(work, "solution.py", "VALUE = 1\n")
    code, findings, _ = doctor(work)
    assert code == 1 and level_of(findings, "1 of 1 runs came out as invalid: right is 0.25") == "problem"
    assert doctor(work, "HEAD")[0] == 0


# -- generate -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def agent(lab: Lab) -> Iterator[Lab]:
    """A recorded demo agent, in a work tree with something to judge."""
    write(lab, "wordcount.py", COUNTER)
    lab.environment["PROCY_DEMO_TRANSCRIPT"] = str(lab.root / "demo.jsonl")
    lab.start()
    lab.record()
    lab.type(f"sh -c '{sys.executable} -m procy.demo.agent; true'")
    lab.wait_for("ctrl-d leaves")
    wait_until(lambda: lab.option("@procy_state") == "idle", what="idle")
    yield lab


def test_generate(agent: Lab) -> None:
    """Asked, found, tried, shown; registered when somebody says so."""
    done = agent.procy("eval", "generate", "right answers", "-t", agent.pane)
    assert f"found {agent.work / 'eval.py'}" in done.stderr and "not registered; later: procy eval set eval.py" in done.stderr
    assert "eval.py: ok" in done.stdout and "right *" in done.stdout and "0.5" in done.stdout
    assert agent.procy("eval", "show", check=False).returncode == 1
    turn = agent.turns()[-1]
    assert "It should measure this: right answers" in str(turn["prompt"]) and turn["origin"] == "procy"

    (agent.work / "eval.py").unlink()
    done = agent.procy("eval", "generate", "-t", agent.pane, "--yes", "--name", "mine")
    assert "evaluator mine is registered: maximize right" in done.stderr and "detected metrics: right, characters" in done.stderr
    [row] = agent.rows("SELECT * FROM evaluators")
    assert row["session_id"] == agent.turns()[-1]["session_id"]
    assert json.loads(agent.procy("eval", "run", "--json").stdout)["metrics"]["right"] == 0.5


def test_an_agent_that_writes_a_broken_one(agent: Lab) -> None:
    """The code does not do what the evaluator wants of it, at all."""
    (agent.work / "wordcount.py").unlink()
    done = agent.procy("eval", "generate", "-t", agent.pane, "--yes", check=False)
    assert done.returncode == 1 and "is not registered, since its first run came out as invalid" in done.stderr
    assert "let the agent mend it, then: procy eval set eval.py" in done.stderr
    assert agent.rows("SELECT * FROM evaluators") == []


def test_an_agent_that_writes_none(agent: Lab) -> None:
    done = agent.procy("eval", "generate", "--timeout", "0.1", "-t", agent.pane, check=False)
    assert done.returncode == 1 and "has not answered within 0.1 s" in done.stderr
