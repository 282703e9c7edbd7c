"""Real trainings through procy: here, and as a job of a real Ray head on loopback that wants a token."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from procy.store.db import open_writer
from tests.conftest import Lab, wait_until
from tests.train.conftest import PYTHON, Small

pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]
RAY = PYTHON.parent / "ray"
TOKEN = "t" * 40
SHORT = ("--epochs", "4", "--lr", "2e-3")


def trained(lab: Lab, small: Small, *words: str) -> dict[str, Any]:
    """A training from the command to its end."""
    Path(lab.places.config).write_text(f'[train]\npython = "{PYTHON}"\n')
    open_writer(lab.places.db).close()
    lab.environment |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    data = small.folder / "right"
    done = lab.procy(
        "train", "--json", "--data", str(data), "--model", str(small.base), *SHORT, *words, check=False, timeout_s=600
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["status"] == "done", (found["error"], lab.procy("train", "logs").stdout[-3000:])
    return found


def check(found: dict[str, Any], method: str) -> None:
    [adapter] = found["adapters"]
    assert adapter["method"] == method and len(adapter["canary"]) == 3
    facts = json.loads((Path(adapter["path"]) / "procy.json").read_text())
    assert facts["held_out"]["after"]["nll"] < facts["held_out"]["before"]["nll"]
    assert [one["event"] for one in found["steps"]].count("done") == len(method.split("+"))


def test_sft_then_dpo_here(lab: Lab, small: Small) -> None:
    check(trained(lab, small, "--", "--test", str(small.test)), "sft+dpo")


def free_ports() -> dict[str, int]:
    """For each of Ray's: for those that it chooses itself a node waits fifteen seconds, which is short on a busy machine."""
    names = ("port", "dashboard-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port",
             "metrics-export-port")  # fmt: skip
    with ExitStack() as held:
        some = [held.enter_context(socket.socket()) for _ in names]
        for one in some:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, some, strict=True)}


@pytest.fixture
def head(tmp_path: Path) -> Iterator[str]:
    """The address of a Ray head."""
    if not RAY.exists():
        pytest.fail("Ray is not in the training environment: make train-test puts it there")
    ports = free_ports()
    dashboard = ports["dashboard-port"]
    environment = {
        **os.environ, "HOME": str(tmp_path), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "RAY_USAGE_STATS_ENABLED": "0",
        "PATH": f"{PYTHON.parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else it takes this machine's address for 127.0.0.1
    }  # fmt: skip
    words = ["--head", "--node-ip-address", "127.0.0.1", "--dashboard-host", "127.0.0.1", "--num-cpus", "2",
             "--object-store-memory", str(100 << 20), "--block"]  # fmt: skip
    words += [word for name, port in ports.items() for word in (f"--{name}", str(port))]
    with open(tmp_path / "ray.log", "wb") as log:
        process = subprocess.Popen([str(RAY), "start", *words], env=environment, stdout=log, stderr=log, start_new_session=True)

    def answers() -> bool:
        said = (tmp_path / "ray.log").read_text()
        assert process.poll() is None, said
        return "Ray runtime started" in said

    try:
        wait_until(answers, 180, "Ray's head")
        yield f"127.0.0.1:{dashboard}"
    finally:
        process.terminate()
        process.wait(60)


def test_a_job_of_ray_trains_and_its_adapter_comes_back(lab: Lab, small: Small, head: str) -> None:
    lab.environment["RAY_AUTH_TOKEN"] = TOKEN
    found = trained(lab, small, "--method", "sft", "--where", f"ray:{head}", "--", "--test", str(small.test))
    check(found, "sft")
    assert found["job"]["submission_id"].startswith("procy-")
    lab.environment["RAY_AUTH_TOKEN"] = "wrong" * 8
    data = str(small.folder / "right")
    refused = lab.procy("train", "--data", data, "--model", "m", "--where", f"ray:{head}", check=False)
    assert refused.returncode == 1 and "wants another token" in refused.stderr
