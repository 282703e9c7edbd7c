"""A training on a host, over a real sshd that dies meanwhile; a stand-in is in the place of torch there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from procy.store.db import open_writer
from tests.conftest import Lab, wait_until
from tests.hosts.conftest import Sshd
from tests.learn.test_train import STAND_IN, data_in

CONFIG = """
[hosts.big]
options = ["-F", "{client}"]
dir = "{home}"
python = "{python}"
"""


def test_a_training_on_a_host_outlives_the_link(lab: Lab, sshd: Sshd) -> None:
    python, home, gate = sshd.root / "python", sshd.root / "a home", sshd.root / "go"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
    python.chmod(0o700)
    Path(lab.places.config).write_text(CONFIG.format(client=sshd.config, home=home, python=python))
    open_writer(lab.places.db).close()

    def newest() -> dict[str, Any]:
        return lab.rows("SELECT *, progress ->> 'step' AS step FROM trainings ORDER BY started_at DESC LIMIT 1")[0]

    data = data_in(lab.root / "data")
    words = ("--data", str(data), "--model", "a model's; touch x", "--where", "ssh:big", "-d")
    lab.procy("train", *words, "--", "--wait", str(gate))
    wait_until(lambda: newest()["step"] == 2, 60, "its second step")
    sshd.stop()
    wait_until(lambda: newest()["error"], 90, "that the link is lost")
    assert newest()["status"] == "running" and "cannot be reached" in str(newest()["error"])
    gate.touch()
    [there] = (home / "trainings").iterdir()
    wait_until((there / "exit.json").exists, 60, "its end there")
    sshd.start()
    wait_until(lambda: newest()["status"] == "done", 90, f"its end: {newest()}")
    found = json.loads(lab.procy("train", "status", "--json").stdout)
    [adapter] = found["adapters"]
    assert Path(adapter["path"]).is_relative_to(lab.places.home) and Path(adapter["path"], "adapter_model.safetensors").exists()
    assert [one["step"] for one in found["steps"] if one["event"] == "step"] == [1, 2, 3] * 2 and found["error"] is None
    assert adapter["base"] == "a model's; touch x" and '"event": "done"' in lab.procy("train", "logs").stdout
    gate.unlink()
    lab.procy("train", *words, "--", "--wait", str(gate))
    wait_until(lambda: newest()["step"] == 2, 60, "its second step")
    lab.procy("train", "cancel")
    assert newest()["status"] == "cancelled"
    [ended] = [one for one in (home / "trainings").iterdir() if one != there]
    assert (
        json.loads(lab.procy("train", "list", "--json").stdout)["trainings"][0]["error"] is None
        and not (ended / "exit.json").exists()
    )
