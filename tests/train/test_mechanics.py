"""Processes, checkpoints and refusals of the scripts: what is not about learning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.train.conftest import SFT, Small, probe, script, told

pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]


def test_two_processes_learn_what_one_does(small: Small, tmp_path: Path) -> None:
    given = ("--data", small.folder / "right", "--test", small.test, "--model", small.base, "--epochs", 6, "--lr", "2e-3")
    losses = []
    for world, launcher in ((1, ()), (2, ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"))):
        done = script("sft.py", *given, "--output", tmp_path / str(world), "--world", world, launcher=launcher)
        [last] = told(done, "done")
        losses.append(last["after"]["nll"])
    assert losses[0] == pytest.approx(losses[1], abs=2e-3) and losses[0] < last["before"]["nll"]


def test_fewer_processes_than_wanted_are_refused(small: Small, tmp_path: Path) -> None:
    given = ("--data", small.folder / "right", "--model", small.base, "--output", tmp_path)
    done = script("sft.py", *given, "--world", 2, check=False)
    assert done.returncode == 1 and "there are 1 processes and should be 2" in done.stderr


LENGTHS = """
import json, sys, measure
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
rows = [json.loads(line) for line in open(sys.argv[2])]
sides = [[row[name] for name in ("chosen", "rejected")] for row in rows]
print(json.dumps([max(len(measure.ids_of(tokenizer, row["prompt"] + one)) for one in both) for row, both in zip(rows, sides)]))
"""


def test_tokens_are_counted_as_the_trainer_does(small: Small) -> None:
    pairs = small.folder / "right" / "dpo" / "train.jsonl"
    done = script("lengths.py", small.base, pairs, small.folder / "right" / "sft" / "train.jsonl")
    [in_pairs, alone] = [json.loads(line) for line in done.stdout.splitlines()]
    assert in_pairs == json.loads(probe(LENGTHS, str(small.base), str(pairs)))
    assert all(one <= other for one, other in zip(alone, in_pairs, strict=True))


def test_it_resumes_where_it_was_killed(small: Small, tmp_path: Path) -> None:
    given = ("--data", small.folder / "right", "--test", small.test, "--model", small.base, "--output", tmp_path)
    short = (*SFT[2:], "--epochs", 8, "--keep-checkpoints", "--save-steps", 10, "--measure-rows", 0)
    first = script("sft.py", *given, *short)
    [saved] = told(first, "saved")
    newest = max((tmp_path / "checkpoints").glob("checkpoint-*"), key=lambda one: int(one.name.partition("-")[2]))
    for one in sorted(newest.iterdir()):  # as it was before the last steps
        one.unlink()
    newest.rmdir()
    again = script("sft.py", *given, *short)
    steps = [one["step"] for one in told(again, "step")]
    assert "resumes at checkpoint-" in told(again, "note")[0]["text"]
    assert steps[0] > 1 and steps[-1] == told(first, "step")[-1]["step"] and saved
