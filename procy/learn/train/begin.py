"""Beginning a training: its data, its folder, its row, and the process that follows it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from procy import ids
from procy.capture.locks import is_locked
from procy.errors import ProcyError
from procy.learn.export.order import Order, carry_out
from procy.learn.train.engines import Engine
from procy.learn.train.engines.local import Local
from procy.learn.train.engines.ray import Ray
from procy.learn.train.engines.ssh import Ssh
from procy.learn.train.plan import Plan, Where, arguments_of, run_file
from procy.learn.train.scripts import training_python
from procy.places import Places
from procy.settings import Settings
from procy.store import datasets, trainings
from procy.store.db import iso, open_reader
from procy.store.write import written

REMEDY = "Correct a prompt (procy correct), or let evolve measure some (procy evolve)"


def engine_of(settings: Settings, where: Where) -> Engine:
    """Raises ConfigError."""
    if where.engine == "ssh":
        return Ssh(settings, where.name)
    return Ray(where.name) if where.engine == "ray" else Local()


def begin(places: Places, settings: Settings, plan: Plan, data: Path | None = None, held_out: float = 0.2) -> str:
    """The id of a training that has begun. ``data``: an export or a JSONL file; None: what there is now. Raises ProcyError."""
    engine_of(settings, plan.where)
    if plan.where.engine == "local" and plan.model.startswith(("/", "~", ".")) and not Path(plan.model).is_dir():
        raise ProcyError(f"there is no folder {plan.model}", "Name the base's folder, or its name on a hub: --model MODEL")
    python = python_for(places, settings, plan)
    now_ns = time.time_ns()
    training_id = ids.new_id(now_ns, secrets.token_bytes(10))
    folder = folder_of(places, training_id)
    folder.mkdir(parents=True, mode=0o700)
    try:
        dataset_id, sha256 = data_in(places, settings, plan, folder, data, held_out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    share = plan.share or (str(folder) if plan.where.engine == "ray" else "")
    order = {**run_file(plan, python), "share": share}
    (folder / "run.json").write_text(json.dumps(order, indent=1) + "\n", encoding="utf-8")
    values = {
        "id": training_id, "method": plan.method, "model": plan.model, "place": str(plan.where), "dataset_id": dataset_id,
        "data_sha256": sha256, "arguments": arguments_of(plan), "folder": str(folder), "status": "waiting",
        "started_at": iso(now_ns),
    }  # fmt: skip
    with written(places.db) as connection:
        trainings.add(connection, values)
    follow_in_background(places, training_id)
    return training_id


def python_for(places: Places, settings: Settings, plan: Plan) -> str:
    """The interpreter of the scripts, in the words of the place. Raises ProcyError."""
    if plan.docker:
        return "python3"
    if plan.where.engine == "ssh":
        return settings.host(plan.where.name).python
    return "" if plan.where.engine == "ray" else training_python(places, settings)


def folder_of(places: Places, training_id: str) -> Path:
    return Path(places.home) / "trainings" / training_id


def data_in(
    places: Places, settings: Settings, plan: Plan, folder: Path, data: Path | None, held_out: float
) -> tuple[str | None, str]:
    """Put the data into the folder; the id of its row, where it has one, and its hash. Raises ProcyError."""
    if data is not None:
        copy_data(data, folder / "data", plan)
        manifest = folder / "data" / "manifest.json"
        return None, str(json.loads(manifest.read_text(encoding="utf-8"))["sha256"]) if manifest.is_file() else ""
    order = Order(methods=plan.methods, out=folder / "data", held_out=held_out, model=plan.model)
    made, _ = carry_out(places, settings, order)
    for method in plan.methods:
        if not sum(made["rows"][method]["train"].values()):
            other = " Without pairs: --method sft" if method == "dpo" and "sft" in plan.methods else ""
            raise ProcyError(f"there is nothing to learn from yet for {method}", f"{REMEDY}.{other}")
    with open_reader(places.db) as connection:
        return datasets.id_at(connection, str(folder / "data")), str(made["sha256"])


def copy_data(data: Path, target: Path, plan: Plan) -> None:
    """Raises ProcyError."""
    if data.is_file():
        check_lines(data)
        for method in plan.methods:
            (target / method).mkdir(parents=True)
            shutil.copy(data, target / method / "train.jsonl")
        return
    if not data.is_dir():
        raise ProcyError(f"there is no data at {data}", "Write some: procy export all")
    for path in sorted(data.glob("**/*.jsonl")):
        check_lines(path)
    missing = [name for name in plan.methods if not any((data / one).is_file() for one in (f"{name}/train.jsonl", "train.jsonl"))]
    if missing:
        raise ProcyError(f"there is no {missing[0]}/train.jsonl in {data}", f"Write it: procy export {missing[0]}")
    shutil.copytree(data, target)


def check_lines(data: Path) -> None:
    """What can be seen here without torch. Raises ProcyError naming the first line that is no JSON."""
    number = 0
    try:
        with open(data, encoding="utf-8", newline="\n") as file:
            for line in file:
                number += 1
                if line.strip():
                    json.loads(line)
    except UnicodeDecodeError as error:
        raise ProcyError(f"{data} is no UTF-8 (byte {error.start})", "Write it again: procy export") from error
    except ValueError as error:
        raise ProcyError(f"line {number} of {data} is no JSON ({error})", "Mend it, or write it again: procy export") from error


# -- the process that follows -------------------------------------------------------------------------------------------


def lock_of(places: Places, training_id: str) -> str:
    return str(folder_of(places, training_id) / "follow.lock")


def follow_in_background(places: Places, training_id: str) -> None:
    """Have a process that follows it; does nothing where there is one."""
    if is_locked(lock_of(places, training_id)):
        return
    folder = folder_of(places, training_id)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "follow.log", "ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "procy.learn.train", training_id], cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, **places.environment}, start_new_session=True,
        )  # fmt: skip


def follow_all(places: Places) -> None:
    """After a restart of the machine, or of a process that was killed: whatever is open is followed again."""
    with open_reader(places.db) as connection:
        rows = trainings.still_open(connection)
    for row in rows:
        follow_in_background(places, row["id"])


def resume(places: Places, row: dict[str, Any]) -> None:
    """Start one that ended early again: stages that are done stay, others begin at their last checkpoint. Raises ProcyError."""
    if row["status"] not in ("failed", "cancelled", "lost"):
        raise ProcyError(f"the training is {row['status']}", "Begin another: procy train")
    (Path(row["folder"]) / "cancel").unlink(missing_ok=True)
    with written(places.db) as connection:
        trainings.change(connection, row["id"], {"status": "waiting", "job": None, "error": None, "ended_at": None})
    follow_in_background(places, row["id"])


def cancel(places: Places, row: dict[str, Any]) -> None:
    """Wish for its end; who follows it sees to that. Raises ProcyError where it has ended."""
    if row["status"] not in trainings.OPEN:
        raise ProcyError(f"the training is {row['status']} already", "See: procy train list")
    (Path(row["folder"]) / "cancel").touch()
    follow_in_background(places, row["id"])
