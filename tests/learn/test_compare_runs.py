"""Comparing by runs: which asked which model, paired by seed, from the same start."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from procy.errors import HandleError, ServeError
from procy.learn.compare.runs import compare_runs
from procy.places import Places
from procy.store import comparisons, runs
from procy.store.db import open_reader
from procy.store.write import written
from tests.learn.models import make_adapter, make_base


class Lane:
    """A work tree with one commit, and runs that are written down as if they had been made."""

    def __init__(self, root: Path) -> None:
        self.work = root / "work"
        self.work.mkdir()
        (self.work / "file").write_text("start")
        who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "start"]):
            subprocess.run(["git", *words], cwd=self.work, check=True)
        self.sha = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=self.work, text=True).strip()
        self.places = Places(str(root), str(root / "procy.db"), str(root / "spool"), str(root / "config.toml"))
        self.adapter = make_adapter(make_base(root / "models"), "taught")

    def run(self, seed: int, model: str, scores: list[float], goal: str = "faster", **values: Any) -> str:
        run_id = f"RUN{model.upper()[:4]}{seed}"
        row = {"kind": "evolve", "strategy": "greedy", "proposer": "model", "goal": goal, "budget": {}, "options": {"seed": seed},
               "root": str(self.work), "base_sha": self.sha, "status": "done", **values}  # fmt: skip
        with written(self.places.db) as connection:
            runs.add_run(connection, run_id, 0, row)
            for seq, score in enumerate(scores):
                notes = {"proposal": {"model": model}} if seq else {}
                values = {"run_id": run_id, "seq": seq, "step": "done", "score": score, "decision": "kept", "notes": notes}
                runs.add_try(connection, f"{run_id}-{seq}", seq, values)
        return run_id

    def compare(self, handles: list[str]) -> dict[str, Any]:
        return compare_runs(self.places, str(self.adapter), "base", handles, 0)


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path)


def test_runs_are_paired_by_their_seed(lane: Lane) -> None:
    handles = [
        lane.run(seed, model, scores, goal=f"goal {seed}")
        for seed in range(4)
        for model, scores in (("taught@main", [0.0, 0.6, 0.9 + seed / 50]), ("tiny", [0.0, 0.1, 0.2 + seed / 30]))
    ]
    row = lane.compare(handles)
    assert (row["verdict"], row["kind"], row["result"]["basis"]) == ("better", "runs", "4 pairs of runs of 2 tries")
    assert row["result"]["curves"]["adapter"][0] == 0.0
    assert row["result"]["p"] == pytest.approx(2 / 16)
    with open_reader(lane.places.db) as connection:
        [known] = comparisons.newest(connection, "taught", "base")
    assert known["id"] == row["id"]


def test_what_is_no_pair_is_refused(lane: Lane) -> None:
    one = lane.run(1, "taught", [0.0, 1.0])
    with pytest.raises(HandleError, match="no two of these runs are a pair"):
        lane.compare([one, lane.run(2, "tiny", [0.0, 0.5])])
    with pytest.raises(HandleError, match="asked another, neither taught nor tiny"):
        lane.compare([one, lane.run(1, "another", [0.0, 0.5])])
    with pytest.raises(ServeError, match="of the same seed have different goals"):
        lane.compare([one, lane.run(1, "tiny", [0.0, 0.5], goal="smaller")])
    with pytest.raises(HandleError, match="two of these runs have seed 1 and asked taught"):
        lane.compare([one, one])
    with pytest.raises(ServeError, match="have different strategies"):
        lane.compare([one, lane.run(3, "tiny", [0.0, 0.5], strategy="random")])
