"""The commands that ``train/run.py`` makes of a run file. No torch: part of the usual suite."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest

from tests.train.test_rows import loaded

run = loaded("run")
STAGE = ["sft.py", "--model", "a b", "--output", "adapter"]


def command(folder: Path, **order: object) -> list[str]:
    found: list[str] = run.command_of(folder, {"python": "py", **order}, STAGE, 0)
    return found


def test_one_process_several_and_accelerate(tmp_path: Path) -> None:
    said = ["--model", "a b", "--output", "adapter", "--world"]
    script, progress = str(run.HERE / "sft.py"), ["--progress", str(tmp_path / "progress.jsonl")]
    assert command(tmp_path) == ["py", script, *said, "1", *progress]
    torchrun = ["py", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script]
    assert command(tmp_path, world=2) == [*torchrun, *said, "2", *progress]
    launched = command(tmp_path, world=4, accelerate="fsdp2")
    configuration = launched[launched.index("--config_file") + 1]
    assert Path(configuration).is_file() and launched[launched.index("--num_processes") + 1] == "4"
    assert launched[launched.index(script) :] == [script, *said, "4", *progress]


def test_a_container_sees_what_it_needs_and_no_more(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    words = run.command_of(
        tmp_path, {"python": "python3", "docker": "image"}, ["sft.py", "--model", str(model), "--output", "x"], 0
    )
    place = words.index("image")
    mounts = [word for before, word in pairwise(words[:place]) if before == "-v"]
    assert {f"{run.HERE}:/train:ro", f"{tmp_path}:{tmp_path}", f"{model}:{model}:ro"} <= set(mounts) and len(mounts) <= 4
    assert words[place + 1 : place + 3] == ["python3", "/train/sft.py"]


def test_a_process_is_known_by_when_it_began(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(f"{os.getpid()} {run.started(os.getpid())}")
    assert run.alive(tmp_path) == os.getpid()
    (tmp_path / "pid").write_text(f"{os.getpid()} 1")
    assert run.alive(tmp_path) == 0 and run.look(tmp_path, {})["state"] == "lost"


def test_a_killed_trainer_is_said_to_have_been(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -9 $$\n")
    python.chmod(0o700)
    (tmp_path / "run.json").write_text(json.dumps({"python": str(python), "stages": [STAGE, STAGE]}))
    assert run.work(tmp_path) == -9
    said = capfd.readouterr().out.strip().splitlines()
    assert said[-1].startswith("run: the trainer was killed, as systems do when memory runs out") and len(said) == 2
    assert json.loads((tmp_path / "exit.json").read_text())["code"] == -9
