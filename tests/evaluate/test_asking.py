"""Which file of an agent's is the evaluator, and what noise allows to believe."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import pytest

from procy.errors import EvaluatorError
from procy.evaluate import asking, legacy
from procy.evaluate.noise import apart, noise_of, noises

SCHEMA = "METRICS_SCHEMA = [{'name': 'x', 'goal': 'minimize'}]\n"


def test_the_prompt() -> None:
    """It holds its own contract: a script like its example is read."""
    prompt = asking.prompt_for("queries {per} second", "eval_2.py")
    assert "queries {per} second" in prompt and "Save it as eval_2.py" in prompt
    example = next(line for line in prompt.splitlines() if "METRICS_SCHEMA" in line)
    [metric] = legacy.metrics_in(example[example.index("METRICS_SCHEMA") : example.index("]") + 1])
    assert (metric.name, metric.direction) == ("recall", "maximize")
    assert asking.DESCRIPTION in asking.prompt_for("  ", "eval.py")


def test_free_names(tmp_path: Path) -> None:
    assert asking.free_name(tmp_path) == "eval.py"
    (tmp_path / "eval.py").touch()
    assert asking.free_name(tmp_path) == "eval_2.py"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"eval.py": "", "bench.py": SCHEMA}, "eval.py"),
        ({"other.py": SCHEMA, ".procy/eval.toml": ""}, ".procy/eval.toml"),
        ({"solution.py": "", "checks.py": SCHEMA}, "checks.py"),
        ({"solution.py": "", "run_benchmark.sh": "", "notes.md": SCHEMA}, "run_benchmark.sh"),
        ({"solution.py": "", "eval.txt": SCHEMA}, ""),
        ({}, ""),
    ],
)
def test_the_likeliest_file(tmp_path: Path, files: dict[str, str], found: str) -> None:
    paths = [tmp_path / name for name in (*files, "gone_eval.py")]
    for path, text in zip(paths, files.values(), strict=False):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    chosen = asking.chosen(tmp_path, paths, "eval.py")
    assert chosen == (tmp_path / found if found else None)


def test_code_of_an_answer(tmp_path: Path) -> None:
    """The block that declares metrics, else the longest that prints some; never one that is no program."""
    other = "print(json.dumps({'y': 1, 'more': 2 ** 100}))"
    answer = f"Like so:\n\n```python\n{SCHEMA}print(1)\n```\n\nand\n\n```python\n{other}\n```\n"
    block = asking.from_answer(answer)
    assert block and block.text.startswith("METRICS_SCHEMA")
    assert asking.save(tmp_path, "eval.py", block).read_text() == f"{SCHEMA}print(1)\n"
    with pytest.raises(EvaluatorError, match="cannot write"):
        asking.save(tmp_path, "eval.py", block)
    shell = asking.from_answer("```bash\necho '{\"x\": 1}'\n```\n\n```\nplain words\n```\n")
    assert shell and asking.save(tmp_path, "eval.py", shell).name == "eval.sh"
    for nothing in ("no code", "```python\n```", '```json\n{"x": 1}\n```', "```python\nprint('hello')\n```"):
        assert asking.from_answer(nothing) is None


def test_what_is_no_program(tmp_path: Path) -> None:
    path = tmp_path / "eval.py"
    path.write_text("def broken(:")
    with pytest.raises(EvaluatorError, match=r"eval\.py is no Python program"):
        asking.promised(path)
    path.write_text(SCHEMA)
    assert asking.promised(path) == ["x"]


# -- noise --------------------------------------------------------------------------------------------------------------


def test_noise() -> None:
    one = noise_of([90.0, 100.0, 110.0])
    assert (one.mean, one.sd, one.cv) == (100, 10, 0.1)
    assert one.smallest_gain(8, 2.0) == pytest.approx(0.1) and one.pairs_for(0.1, 2.0) == 8
    assert noise_of([5.0]).sd == 0 and noise_of([0.0, 2.0, -2.0]).cv == 2
    assert set(noises([{"a": 1, "b": 2}, {"a": 1}])) == {"a"} and noises([]) == {}


def test_the_smallest_gain_is_seen_about_as_often_as_not() -> None:
    """And what is no gain is seldom taken for one."""
    random, sd, pairs, z = Random(3), 0.1, 5, 1.8
    gain = noise_of([1 - sd, 1, 1 + sd]).smallest_gain(pairs, z)

    def seen(real: float) -> float:
        found = 0
        for _ in range(2000):
            difference = sum(random.gauss(1 + real, sd) - random.gauss(1, sd) for _ in range(pairs)) / pairs
            found += difference > z * sd * math.sqrt(2 / pairs)
        return found / 2000

    assert seen(0) < 0.06 and 0.4 < seen(gain) < 0.6


def test_two_groups_of_the_same() -> None:
    assert apart([1, 1, 1], [1, 1, 1]) == 0 and apart([1, 1], [2, 2]) == math.inf
    assert apart([1], [2]) == 0 and apart([1, 2, 3], [1, 2, 3]) == 0
    assert apart([1.0, 1.1, 0.9], [2.0, 2.1, 1.9]) > 10
