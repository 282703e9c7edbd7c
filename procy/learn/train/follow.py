"""Following a training until it ends: what it says becomes rows, and what it leaves an adapter.

One process a training does this, and it may be killed at any time: another goes on from the files and rows that there are.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from procy import ids
from procy.capture.locks import take_lock
from procy.errors import ProcyError
from procy.learn.serve import deploy as serve
from procy.learn.train.begin import engine_of, lock_of
from procy.learn.train.engines import ENDS, Engine, Job, LinkLost, Look
from procy.learn.train.engines.runner import FILES
from procy.learn.train.plan import ADAPTER, where_of
from procy.places import Places
from procy.settings import Settings
from procy.store import trainings
from procy.store.db import iso, open_reader
from procy.store.trainings import Row
from procy.store.write import written

ROOM = 1 << 16  # bytes: with less than that nothing can be written
AGAIN_S = 2.0  # after a link was lost, at first
AGAIN_MOST_S = 60.0
PATIENCE = 3  # looks that may say that it is lost: between two processes of it


def follow(places: Places, settings: Settings, training_id: str) -> None:
    """Until it ends; returns at once where another process follows it."""
    lock = take_lock(lock_of(places, training_id))
    if lock is None:
        return
    with lock:
        with open_reader(places.db) as connection:
            row = trainings.by_id(connection, training_id)
        if row["status"] not in trainings.OPEN:
            return
        try:
            engine = engine_of(settings, where_of(row["place"]))
        except ProcyError as error:  # the settings changed meanwhile; whoever looks next tries again
            with written(places.db) as connection:
                trainings.change(connection, training_id, {"error": f"not watched: {error}"})
            return
        Follower(places, settings, row, engine).run()


class Follower:
    def __init__(self, places: Places, settings: Settings, row: Row, engine: Engine) -> None:
        self.places, self.settings, self.row, self.engine = places, settings, row, engine
        self.folder = Path(row["folder"])
        with open_reader(places.db) as connection:
            self.steps = trainings.last_step(connection, row["id"])
        self.lost = 0

    @property
    def job(self) -> Job:
        found = {**(self.row["job"] or {}), "share": self.row["arguments"].get("share")}
        return Job(self.row["id"], self.folder, where_of(self.row["place"]), found)

    def run(self) -> None:
        again = AGAIN_S
        while True:
            try:
                if self.turn():
                    return
                again = AGAIN_S
                self.wait(self.engine.every_s)
            except LinkLost as error:
                self.change(error=f"not watched since {iso(time.time_ns())}: {error}")
                self.wait(again)
                again = min(again * 2, AGAIN_MOST_S)
            except ProcyError as error:
                self.end("failed", str(error))
                return

    def turn(self) -> bool:
        """One look; whether it has ended."""
        if self.row["job"] is None:
            if self.is_unwanted:
                self.end("cancelled")
                return True
            found = self.engine.submit(self.job)
            self.change(job=found, status="running")
        elif self.is_unwanted:
            self.engine.cancel(self.job)
        return self.take(self.engine.look(self.job, self.known()))

    def take(self, look: Look) -> bool:
        """What is new into files and rows; whether it has ended, nothing more is to come, and all is said."""
        for name, data in look.files.items():
            if data:
                with open(self.folder / name, "ab") as file:
                    file.write(data)
        self.note()
        if any(look.files.values()) or look.state not in ENDS:
            if self.row["error"]:
                self.change(error=None)
            self.lost = 0
            return False
        if look.state == "lost" and self.lost < PATIENCE:
            self.lost += 1
            return False
        if look.state == "done":
            self.finish()
        else:
            self.end("cancelled" if self.is_unwanted else look.state, "" if self.is_unwanted else self.why(look.state))
        return True

    @property
    def is_unwanted(self) -> bool:
        return (self.folder / "cancel").exists()

    def known(self) -> dict[str, int]:
        """Name of a file → bytes that are here."""
        return {name: (self.folder / name).stat().st_size if (self.folder / name).exists() else 0 for name in FILES}

    def wait(self, seconds: float) -> None:
        """A wish to cancel ends the waiting."""
        until = time.monotonic() + seconds
        had = self.is_unwanted
        while time.monotonic() < until and self.is_unwanted == had:
            time.sleep(min(0.2, seconds))

    # -- rows -----------------------------------------------------------------------------------------------------------

    def change(self, **values: Any) -> None:
        self.row = {**self.row, **values}
        with written(self.places.db) as connection:
            trainings.change(connection, self.row["id"], values)

    def note(self) -> None:
        """New lines of progress become steps."""
        lines = list(self.new_lines())
        if not lines:
            return
        with written(self.places.db) as connection:
            trainings.add_steps(connection, self.row["id"], lines)
            trainings.change(connection, self.row["id"], {"progress": lines[-1][2]})
        self.steps = lines[-1][0]
        self.row["progress"] = lines[-1][2]

    def new_lines(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        path = self.folder / "progress.jsonl"
        if not path.exists():
            return
        whole = path.read_bytes()
        for number, line in enumerate(whole[: whole.rfind(b"\n") + 1].splitlines(), 1):
            if number > self.steps:
                with suppress(ValueError):
                    value = json.loads(line)
                    yield number, str(value.pop("at", "")), {name: one for name, one in value.items() if name != "procy"}

    def why(self, state: str) -> str:
        """The trainer's own words, else the end of its log; but of a full disk neither tells all."""
        if shutil.disk_usage(self.folder).free < ROOM:
            return f"the disk of {self.folder} is full. Make room, then: procy train resume"
        with open_reader(self.places.db) as connection:
            said = trainings.steps(connection, self.row["id"])
        if said and said[-1].get("event") == "error":
            return f"{said[-1]['what']}. {said[-1]['remedy']}".strip()
        if state == "lost":
            return "its process is gone and left no result. Go on with: procy train resume"
        log = self.folder / "log"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
        return f"{lines[-1].strip() if lines else 'it said nothing'}. The whole of it: procy train logs"

    def end(self, status: str, error: str = "") -> None:
        self.change(status=status, error=error or None, ended_at=iso(time.time_ns()))

    # -- what comes of it -----------------------------------------------------------------------------------------------

    def finish(self) -> None:
        if not (self.folder / ADAPTER / "procy.json").is_file():
            self.engine.fetch(self.job)
        name = self.adopt()
        error = ""
        if self.row["arguments"].get("deploy"):
            error = deploy(self.places, self.settings, name)
        self.end("done", error)

    def adopt(self) -> str:
        """The name of the adapter that the folder has from now on. Raises ProcyError."""
        folder = self.folder / ADAPTER
        try:
            facts = json.loads((folder / "procy.json").read_text(encoding="utf-8"))
            values = {
                "id": ids.derived_id(time.time_ns(), self.row["id"]), "training_id": self.row["id"], "path": str(folder),
                "method": facts["method"], "base": facts["base"]["name"], "base_sha256": facts["base"]["sha256"],
                "sha256": facts["weights_sha256"], "dataset_sha256": facts["data"]["sha256"] or self.row["data_sha256"],
                "canary": facts["canary"], "held_out": facts["held_out"], "versions": facts["versions"],
                "created_at": iso(time.time_ns()),
            }  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ProcyError(f"{folder} is no adapter as procy knows it ({error})", "See: procy train logs") from error
        with written(self.places.db) as connection:
            if known := adapter_of(connection, self.row["id"]):  # the process before was killed here
                return known
            name = trainings.free_name(connection, str(self.row["arguments"].get("name") or "proxy"))
            trainings.add_adapter(connection, {**values, "name": name})
        return name


def adapter_of(connection: sqlite3.Connection, training_id: str) -> str:
    """The name of the adapter that came of a training; "" for none."""
    row = connection.execute("SELECT name FROM adapters WHERE training_id = ?", (training_id,)).fetchone()
    return str(row[0]) if row else ""


def deploy(places: Places, settings: Settings, name: str) -> str:
    """Serve the adapter; what went wrong, in words."""
    try:
        serve(places, settings, name)
    except ProcyError as error:
        return f"the adapter {name} is trained, but not served: {error}"
    return ""
