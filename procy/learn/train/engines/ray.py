"""Trainings as jobs of a Ray cluster, by the HTTP interface of its head (Ray Jobs, https://docs.ray.io/en/latest/cluster/running-applications/job-submission/rest.html).

That interface runs whatever it is told. So it is asked on loopback, where a tunnel may end, or with a token (RAY_AUTH_TOKEN) over
https. Ray brings no files back: the adapter comes through a folder that the cluster and this machine share, which on one machine
is the training's own.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import shutil
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from procy.errors import ConfigError, ProcyError
from procy.learn.train.engines import Job, LinkLost, Look
from procy.learn.train.engines.parcel import as_zip
from procy.learn.train.engines.runner import FILES
from procy.learn.train.plan import ADAPTER

ENTRY = "python train/run.py work ."
STATES = {"PENDING": "running", "RUNNING": "running", "SUCCEEDED": "done", "FAILED": "failed", "STOPPED": "cancelled"}
TIMEOUT_S = 60.0


LATER = "try again later"  # says a head whose nodes are still starting


class Ray:
    every_s = 2.0

    def __init__(self, address: str) -> None:
        """Raises ConfigError for an address that is not safe to ask."""
        self.url = address if "://" in address else f"http://{address}"
        parts = urlsplit(self.url)
        self.token = os.environ.get("RAY_AUTH_TOKEN", "").strip()
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{address!r} is no address of a Ray head", "Write it as in ray:http://127.0.0.1:8265")
        if not is_loopback(parts.hostname) and not (parts.scheme == "https" and self.token):
            remedy = f"Make a tunnel: ssh -N -L 8265:127.0.0.1:8265 {parts.hostname}, and say ray:127.0.0.1:8265"
            raise ConfigError(f"Ray's jobs at {parts.hostname} would be open to whoever listens", remedy)

    def submit(self, job: Job) -> dict[str, Any]:
        whole = as_zip(job.folder)
        package = f"_ray_pkg_{hashlib.sha256(whole).hexdigest()[:16]}.zip"
        self.ask("PUT", f"/api/packages/gcs/{package}", content=whole)
        name = f"procy-{job.id.lower()}-{size_of(job, 'log')}"  # Ray takes a name once
        wanted: dict[str, Any] = {"entrypoint": ENTRY, "submission_id": name, "runtime_env": {"working_dir": f"gcs://{package}"},
                  "metadata": {"training": job.id}}  # fmt: skip
        if gpus := json.loads((job.folder / "run.json").read_text(encoding="utf-8")).get("gpus"):
            wanted["entrypoint_num_gpus"] = gpus
        answer = self.ask("POST", "/api/jobs/", json=wanted, allowed=(400, 500))
        if answer.status_code != 200 and self.ask("GET", f"/api/jobs/{name}", allowed=(404,)).status_code != 200:
            if LATER in answer.text:
                raise LinkLost(f"Ray takes no job yet ({first_line(answer)})")
            raise ProcyError(f"Ray refused the job ({first_line(answer)})", "See the head's own log")
        return {"submission_id": name, "before": {file: size_of(job, file) for file in FILES}}

    def look(self, job: Job, known: Mapping[str, int]) -> Look:
        name = job.found["submission_id"]
        answer = self.ask("GET", f"/api/jobs/{name}", allowed=(404,))
        if answer.status_code == 404:
            return Look("lost")
        state = STATES.get(answer.json()["status"], "running")  # before the log, which grows until the end
        log = str(self.ask("GET", f"/api/jobs/{name}/logs").json().get("logs") or "")
        progress = "".join(f"{line}\n" for line in log.splitlines() if line.startswith('{"procy": "train"'))
        texts = {"log": log.encode(), "progress.jsonl": progress.encode()}
        before = job.found.get("before", {})  # bytes of attempts before this one
        return Look(state, {file: text[known.get(file, 0) - before.get(file, 0) :] for file, text in texts.items()})

    def cancel(self, job: Job) -> None:
        self.ask("POST", f"/api/jobs/{job.found['submission_id']}/stop", allowed=(404,))

    def fetch(self, job: Job) -> None:
        share = str(job.found.get("share") or job.folder)
        source = os.path.join(share, ADAPTER)
        if not os.path.isfile(os.path.join(source, "procy.json")):
            raise ProcyError(
                f"the adapter is not in {share}", "Name a folder that the cluster shares with this machine: --share DIR"
            )
        if os.path.realpath(share) != os.path.realpath(job.folder):
            shutil.copytree(source, job.folder / ADAPTER, dirs_exist_ok=True)

    def ask(self, method: str, path: str, allowed: tuple[int, ...] = (), **values: Any) -> httpx.Response:
        """Raises LinkLost, ProcyError."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = httpx.request(
                method, self.url.rstrip("/") + path, headers=headers, timeout=TIMEOUT_S, trust_env=False, **values
            )
        except httpx.HTTPError as error:
            raise LinkLost(
                f"the Ray head at {self.url} does not answer ({error})", "Is it up? ray status; or the tunnel?"
            ) from error
        if answer.status_code in (401, 403):
            raise ProcyError(f"the Ray head at {self.url} wants another token", "Export RAY_AUTH_TOKEN")
        if answer.is_error and answer.status_code not in allowed:
            raise ProcyError(f"the Ray head answered {answer.status_code} ({first_line(answer)})", "See the head's own log")
        return answer


def size_of(job: Job, name: str) -> int:
    """Bytes of a file that are here."""
    path = job.folder / name
    return path.stat().st_size if path.exists() else 0


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def first_line(answer: httpx.Response) -> str:
    lines = [line.strip() for line in answer.text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else str(answer.status_code)
