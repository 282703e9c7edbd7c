"""An export from the database to a folder or a file, and the row that tells of it."""

from __future__ import annotations

import os
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from procy import ids
from procy.capture.locks import take_lock
from procy.errors import ProcyError
from procy.evolve.hindsight import Hindsight
from procy.evolve.templates import templates_of
from procy.learn.examples import Gathering
from procy.learn.export.lengths import lengths_of
from procy.learn.export.manifest import manifest_of, write_manifest
from procy.learn.export.write import Written, whole_folder, write_methods
from procy.learn.scrub import Scrubber
from procy.learn.situation import Situations
from procy.places import Places
from procy.settings import Settings
from procy.store import datasets
from procy.store.db import iso, open_reader
from procy.store.write import written as writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is wanted. ``methods``: of ``columns.METHODS``. ``out``: a folder, or for one method a file that ends in ``.jsonl``.
    ``since``: a time; ``is_incremental``: since the last incremental one. ``sessions``: ids. ``model``: the base whose tokens are
    counted; "": that of the settings."""

    methods: tuple[str, ...]
    out: Path
    since: str = ""
    is_incremental: bool = False
    sessions: frozenset[str] = frozenset()
    held_out: float = 0.1
    characters: int = 24_000
    seed: int = 0
    model: str = ""

    @property
    def name(self) -> str:
        return self.methods[0] if len(self.methods) == 1 else "all"

    def filters(self, since: str) -> dict[str, Any]:
        return {"since": since, "incremental": self.is_incremental, "sessions": len(self.sessions), "held_out": self.held_out,
                "characters": self.characters, "seed": self.seed}  # fmt: skip


def carry_out(places: Places, settings: Settings, order: Order) -> tuple[dict[str, Any], Path | None]:
    """The manifest, and where it was written: None where an incremental export found nothing new. Raises ProcyError."""
    with one_at_a_time(places), open_reader(places.db) as connection:
        since = datasets.exported_until(connection, order.name) + "\0" if order.is_incremental else order.since
        gathering = gathering_of(connection, places, settings, order, since)
        now_ns = time.time_ns()
        place = incremental_folder(order.out, now_ns) if order.is_incremental else order.out
        manifest: dict[str, Any] = {}
        with suppress(NothingNew), files_at(place) as folder:
            written = write_methods(folder, gathering, order.methods)
            manifest |= manifest_of(written, gathering, order.filters(since.rstrip("\0")), iso(now_ns))
            if order.is_incremental and not written.rows:
                raise NothingNew
            manifest["lengths"] = lengths_of(places, settings, order.model or settings.train.model, folder, written.files)
            write_manifest(folder, manifest)
        if order.is_incremental and not written.rows:
            return manifest, None
        note(places, order, place, written, manifest, now_ns)
    return manifest, place


class NothingNew(Exception):
    """So that no folder appears."""


def gathering_of(connection: sqlite3.Connection, places: Places, settings: Settings, order: Order, since: str) -> Gathering:
    templates = templates_of(places, settings, os.getcwd())
    situations = Situations(connection, Hindsight(connection, places), templates, order.characters)
    return Gathering(connection, situations, Scrubber(), since, order.sessions, order.held_out, order.seed)


def note(places: Places, order: Order, place: Path, written: Written, manifest: dict[str, Any], now_ns: int) -> None:
    values = {
        "id": ids.new_id(now_ns, secrets.token_bytes(10)), "method": order.name, "path": str(place.absolute()),
        "rows": written.rows,
        "sha256": manifest["sha256"], "latest": written.latest or None, "is_incremental": int(order.is_incremental),
        "manifest": manifest, "created_at": iso(now_ns),
    }  # fmt: skip
    with writing(places.db) as connection:
        datasets.add(connection, values, sorted(written.sessions))


def incremental_folder(out: Path, now_ns: int) -> Path:
    return out / iso(now_ns).replace(":", "").partition(".")[0]


@contextmanager
def files_at(place: Path) -> Iterator[Path]:
    """A folder for the files: the place itself, or for a single file one that is taken away when the file is there."""
    if place.suffix != ".jsonl":
        with whole_folder(place) as folder:
            yield folder
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as name:
        yield Path(name)
        parts = sorted(Path(name).glob("*/*.jsonl"), reverse=True)  # train before test
        beside = Path(name) / "whole"
        beside.touch(mode=0o600)
        with open(beside, "wb") as whole:
            for part in parts:
                whole.write(part.read_bytes())
        os.replace(beside, place)


@contextmanager
def one_at_a_time(places: Places) -> Iterator[None]:
    """Raises ProcyError where another export is under way."""
    lock = take_lock(os.path.join(places.home, "export.lock"))
    if lock is None:
        raise ProcyError("another export of training data is under way", "Wait until it is done")
    with lock:
        yield
