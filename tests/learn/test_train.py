"""A training from the command to the adapter, with a stand-in in the place of torch; and what each engine is told."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from procy.errors import ConfigError, ProcyError
from procy.learn.train.begin import copy_data
from procy.learn.train.engines import Job, LinkLost
from procy.learn.train.engines.local import Local
from procy.learn.train.engines.parcel import as_tar, as_zip, unpack_adapter
from procy.learn.train.engines.ray import Ray
from procy.learn.train.engines.ssh import Ssh
from procy.learn.train.follow import Follower
from procy.learn.train.plan import Plan, Where, arguments_of, plan_from, stages, where_of
from procy.settings import Settings
from procy.settings.evolve import HostSettings
from procy.store.db import open_writer
from tests.conftest import Lab, wait_until

STAND_IN = Path(__file__).with_name("stand_in.py")
PAIR = {"prompt": "asked", "chosen": "good", "rejected": "bad"}


def data_in(folder: Path) -> Path:
    for method in ("sft", "dpo"):
        (folder / method).mkdir(parents=True)
        (folder / method / "train.jsonl").write_text(json.dumps({**PAIR, "completion": "good"}) + "\n")
    return folder


def stand_in(lab: Lab) -> None:
    """Make it what the settings name as the interpreter with torch."""
    python = lab.root / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
    python.chmod(0o700)
    Path(lab.places.config).write_text(f'[train]\npython = "{python}"\nmodel = "tiny"\n')


def follower(lab: Lab, training_id: str) -> int:
    """The process that follows a training; 0: none."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_text().split("\0")
        except OSError:
            continue
        if "procy.learn.train" in words and training_id in words:
            return int(command.parent.name)
    return 0


def test_a_training_goes_on_without_its_terminal_and_leaves_an_adapter(lab: Lab) -> None:
    stand_in(lab)
    gate = lab.root / "go"
    data = data_in(lab.root / "data")
    open_writer(lab.places.db).close()
    lab.procy("train", "--data", str(data), "-d", "--lr", "1e-3", "--dpo-lr", "1e-4", "--", "--wait", str(gate))

    def row() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(lab.procy("train", "status", "--json").stdout)
        return found

    def newest() -> dict[str, Any]:
        return lab.rows("SELECT id, status, progress ->> 'step' AS step FROM trainings ORDER BY started_at DESC LIMIT 1")[0]

    wait_until(lambda: newest()["step"] == 2, 60, "its second step")
    training_id = newest()["id"]
    os.kill(follower(lab, training_id), signal.SIGKILL)
    wait_until(lambda: not follower(lab, training_id), 30)
    gate.touch()
    row()  # whoever looks brings a follower back
    wait_until(lambda: newest()["status"] == "done", 60, "its end")
    done = row()
    assert [step["loss"] for step in done["steps"] if step.get("event") == "step"] == [1.0, 0.5, 1 / 3] * 2
    assert [step["stage"] for step in done["steps"] if step["event"] == "start"] == ["sft", "dpo"]
    [adapter] = done["adapters"]
    assert adapter["name"] == "proxy" and adapter["method"] == "sft+dpo" and Path(adapter["path"], "procy.json").exists()
    listed = lab.procy("train", "list").stdout
    assert "sft+dpo" in listed and "1.00 → 0.50" in listed and "0.10 → 0.90" in listed
    assert '"event": "done"' in lab.procy("train", "logs", "-f").stdout
    gate.unlink()
    lab.procy("train", "--data", str(data), "-d", "--method", "sft", "--", "--wait", str(gate))
    wait_until(lambda: newest()["step"] == 2, 60, "its second step")
    lab.procy("train", "cancel")
    assert newest()["status"] == "cancelled" and "already" in lab.procy("train", "cancel", check=False).stderr
    failed = lab.procy("train", "--data", str(data), "--", "--fail", str(gate), check=False)
    assert failed.returncode == 1 and "not enough memory for this model. Use --batch-size 1" in failed.stderr
    assert newest()["status"] == "failed" and len(json.loads(lab.procy("train", "list", "--json").stdout)["adapters"]) == 1
    gate.touch()
    lab.procy("train", "resume")
    assert row()["status"] == "done" and [one["name"] for one in row()["adapters"]] == ["proxy-2"]


def test_what_cannot_begin_says_why_and_leaves_nothing(lab: Lab) -> None:
    open_writer(lab.places.db).close()
    done = lab.procy("train", check=False)
    assert done.returncode == 1 and ("procy train setup" in done.stderr or "nothing to learn from yet" in done.stderr)
    stand_in(lab)
    assert "nothing to learn from yet for sft" in lab.procy("train", check=False).stderr
    data = data_in(lab.root / "data")
    nowhere = lab.procy("train", "--data", str(data), "--model", "/no/model", check=False)
    assert nowhere.returncode == 1 and "there is no folder /no/model. Name the base's folder" in nowhere.stderr
    (data / "dpo" / "train.jsonl").write_text('{"prompt": 1}\n\n{"prompt"\n')
    broken = lab.procy("train", "--data", str(data), check=False)
    assert f"line 3 of {data}/dpo/train.jsonl is no JSON" in broken.stderr
    assert "there is no host 'big'" in lab.procy("train", "--where", "ssh:big", check=False).stderr
    assert not list((Path(lab.places.home) / "trainings").glob("*"))
    assert lab.rows("SELECT 1 FROM trainings") == []


def test_words_of_the_stages_are_data() -> None:
    plan = Plan(
        model="a b; rm -rf x", options={"lr": 1e-3, "epochs": 2.0, "qlora": True}, later={"lr": 1e-5}, extra=("--beta", "$(x)")
    )
    first, second = stages(plan)
    common = ["--data", "data", "--model", "a b; rm -rf x", "--output"]
    assert first == ["sft.py", *common, "sft", "--lr", "0.001", "--epochs", "2.0", "--qlora", "--beta", "$(x)"]
    assert second[:9] == ["dpo.py", *common, "adapter", "--adapter", "sft"]
    assert second[second.index("--lr") + 1] == "1e-05"
    row = {
        "method": plan.method,
        "model": plan.model,
        "place": str(plan.where),
        "arguments": json.loads(json.dumps(arguments_of(plan))),
    }
    assert stages(plan_from(row)) == [first, second]


def test_places() -> None:
    assert where_of("local") == Where() and where_of("ssh:big") == Where("ssh", "big")
    assert where_of("ray:http://127.0.0.1:8265").name == "http://127.0.0.1:8265"
    for wrong in ("", "ssh", "local:x", "slurm:x"):
        with pytest.raises(ConfigError):
            where_of(wrong)


def test_rays_interface_is_asked_on_loopback_or_with_a_token_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    assert Ray("127.0.0.1:8265").url == "http://127.0.0.1:8265" and Ray("http://localhost:1").url
    for address in ("http://10.0.0.1:8265", "https://head.example"):
        with pytest.raises(ConfigError, match="would be open"):
            Ray(address)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    assert Ray("https://head.example").token == "secret"
    with pytest.raises(ConfigError):
        Ray("http://head.example")


def job_in(folder: Path, where: Where) -> Job:
    data_in(folder / "data")
    (folder / "run.json").write_text('{"gpus": 2}')
    return Job("01ABC", folder, where)


def test_parcels_have_the_same_bytes_and_come_back_whole(tmp_path: Path) -> None:
    import io
    import tarfile

    job = job_in(tmp_path / "one", Where("ray", "x"))
    assert as_zip(job.folder) == as_zip(job.folder)
    with tarfile.open(fileobj=io.BytesIO(as_tar(job.folder))) as archive:
        assert {"run.json", "train/run.py", "train/accelerate/fsdp2.yaml", "data/dpo/train.jsonl"} <= set(archive.getnames())
    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w") as archive:
        for name in ("adapter/../../out", "adapter/procy.json"):
            info = tarfile.TarInfo(name)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"{}"))
    unpack_adapter(io.BytesIO(evil.getvalue()), job.folder)
    assert (
        (job.folder / "adapter" / "procy.json").exists()
        and not (tmp_path / "out").exists()
        and not (tmp_path / "one/out").exists()
    )
    with pytest.raises(ProcyError, match="did not come whole"):
        unpack_adapter(io.BytesIO(evil.getvalue()[:600]), job.folder)


@pytest.mark.parametrize(("status", "error"), [(255, LinkLost), (1, ProcyError)])
def test_a_link_that_dies_while_the_adapter_comes_is_no_end(
    status: int, error: type[ProcyError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Ssh(Settings(hosts={"big": HostSettings("big", "big")}), "big")
    words, pipe = ["sh", "-c", f"printf 'adapter/half'; exit {status}"], subprocess.PIPE
    monkeypatch.setattr(engine, "open", lambda _: subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe))
    with pytest.raises(ProcyError) as caught:
        engine.fetch(job_in(tmp_path, Where("ssh", "big")))
    assert caught.type is error


def test_a_full_disk_is_the_reason_whatever_the_trainer_says(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(lab)
    open_writer(lab.places.db).close()
    lab.procy("train", "--data", str(data_in(lab.root / "data")), "--", "--fail", "/no/file", check=False)
    [row] = lab.rows("SELECT * FROM trainings")
    assert row["error"] == "there is not enough memory for this model. Use --batch-size 1"
    found = Follower(lab.places, Settings(), {**row, "arguments": {}, "job": None}, Local())
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    assert found.why("lost") == f"the disk of {row['folder']} is full. Make room, then: procy train resume"


class Head(http.server.BaseHTTPRequestHandler):
    """As much of a Ray head as is asked."""

    asked: ClassVar[list[tuple[str, str, str]]] = []
    log = ""
    busy = False

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        told: dict[str, object] = {"status": "RUNNING"}
        if self.path.endswith("/logs"):
            told = {"logs": self.log}
        if self.command == "POST" and self.path == "/api/jobs/":
            wanted = json.loads(body)
            assert (wanted["entrypoint"], wanted["entrypoint_num_gpus"]) == ("python train/run.py work .", 2)
        data = json.dumps(told).encode()
        status = 200
        if self.busy and self.path.startswith("/api/jobs/"):
            status, data = (500, b"No available agent to submit job, please try again later.") if body else (404, b"no such job")
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def head() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Head)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_job_of_ray_is_sent_looked_at_and_stopped(head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    engine, job = Ray(head), job_in(tmp_path, Where("ray", head))
    found = engine.submit(job)
    Head.log = 'hello\n{"procy": "train", "event": "step"}\n'
    job = Job(job.id, job.folder, job.where, found)
    look = engine.look(job, {"log": 6})
    assert (
        look.state == "running" and look.files["log"].startswith(b'{"procy"') and look.files["progress.jsonl"].count(b"\n") == 1
    )
    engine.cancel(job)
    assert [one[0] for one in Head.asked] == ["PUT", "POST", "GET", "GET", "POST"] and Head.asked[-1][1].endswith(
        "/procy-01abc-0/stop"
    )
    assert {one[2] for one in Head.asked} == {"Bearer secret"}
    with pytest.raises(LinkLost):
        Ray("127.0.0.1:1").look(job, {})


def test_a_head_that_takes_no_job_yet_is_waited_for(head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Head, "busy", True)
    monkeypatch.setattr(Head, "asked", [])
    with pytest.raises(LinkLost, match="Ray takes no job yet"):
        Ray(head).submit(job_in(tmp_path, Where("ray", head)))


def test_a_file_is_data_for_every_stage(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text(json.dumps(PAIR))
    copy_data(tmp_path / "pairs.jsonl", tmp_path / "data", Plan(model="m"))
    assert (tmp_path / "data" / "sft" / "train.jsonl").exists() and (tmp_path / "data" / "dpo" / "train.jsonl").exists()
    with pytest.raises(ProcyError, match=r"kto/train\.jsonl"):
        copy_data(tmp_path / "data", tmp_path / "other", Plan(model="m", method="kto"))
