"""Comparing an adapter with its base, or with another one, on held-out pairs: ``train/measure.py`` measures."""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from procy import ids
from procy.errors import ServeError
from procy.learn.compare import pairs
from procy.learn.compare.standing import BASE
from procy.learn.export.order import Order as Export
from procy.learn.export.order import carry_out
from procy.learn.serve import environment
from procy.learn.serve.adapter import Adapter, adapter_named
from procy.learn.serve.place import Local
from procy.learn.serve.wish import check_fingerprint
from procy.places import Places
from procy.settings import Settings
from procy.store import comparisons, trainings
from procy.store.db import open_reader
from procy.store.write import written

METHODS = ("dpo", "sft")  # the first that has held-out rows is taken

Said = Callable[[str], None]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """``against``: ``base``, or another adapter. ``data``: a folder of an export, or a file; "": what the adapter's training had,
    else a fresh export. ``control``: an adapter that was trained on scrambled corrections, where there is one."""

    adapter: str
    against: str = BASE
    data: str = ""
    base: str = ""
    control: str = ""
    rows: int = 1000
    seed: int = 0


def compare(places: Places, settings: Settings, order: Order, said: Said) -> Row:
    """The new row of ``comparisons``. Raises ProcyError."""
    with open_reader(places.db) as connection:
        adapter = adapter_named(connection, order.adapter)
        other = None if order.against == BASE else adapter_named(connection, order.against)
        control = adapter_named(connection, order.control) if order.control else None
    base = order.base or adapter.base
    for one in filter(None, (adapter, other, control)):
        check_fingerprint(Local(), one, base, force=False)
    python = environment.trainer(places, settings)
    with tempfile.TemporaryDirectory(prefix="procy-compare-") as name:
        file, data = held_out(places, settings, order, adapter, Path(name))
        desk = Desk(python, base, Path(name), file, read_rows(file)[: order.rows], said)
        result = desk.result(adapter, other, control, random.Random(f"{order.seed} compare"))
    return kept(places, {
        "adapter_id": adapter.id or None, "adapter": adapter.name, "against": other.name if other else BASE,
        "against_id": (other.id or None) if other else None, "kind": "pairs", "data": data, "data_sha256": desk.sha256,
        "verdict": result["verdict"], "result": result,
    })  # fmt: skip


def kept(places: Places, values: Mapping[str, Any]) -> Row:
    now_ns = time.time_ns()
    comparison_id = ids.new_id(now_ns, secrets.token_bytes(10))
    with written(places.db) as connection:
        comparisons.add(connection, comparison_id, now_ns, values)
    return {"id": comparison_id, **values}


@dataclass(frozen=True, slots=True)
class Desk:
    """Measures in ``folder``. ``rows``: those of ``file`` that count."""

    python: str
    base: str
    folder: Path
    file: Path
    rows: list[Row]
    said: Said

    @property
    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(self.rows, sort_keys=True).encode()).hexdigest()

    def result(self, adapter: Adapter, other: Adapter | None, control: Adapter | None, chance: random.Random) -> dict[str, Any]:
        """``other`` None: the base."""
        mixed = self.folder / "scrambled.jsonl"
        mixed.write_text("".join(json.dumps(row) + "\n" for row in pairs.scrambled(self.rows, chance)), encoding="utf-8")
        groups = {row["id"]: str(row.get("group") or row["id"]) for row in self.rows}
        true = [self.measured(one, self.file) for one in (adapter, other)]
        false = [self.measured(one, mixed, generate=0) for one in (adapter, other)]
        result = pairs.result_of(pairs.joined(*true), groups, pairs.joined(*false), chance)
        result["verdict"], result["reasons"] = pairs.verdict_of(result)
        if control:
            kinds = pairs.result_of(pairs.joined(self.measured(control, self.file), true[1]), groups, [], chance)["kinds"]
            kind = "content" if "content" in kinds else "all"
            result["scrambled"] = kinds
            result["reasons"] += [f"trained on scrambled corrections: {line}" for line in pairs.lines_of(kind, kinds[kind])]
        return result

    def measured(self, adapter: Adapter | None, data: Path, generate: int | None = None) -> list[Row]:
        """Of a model, adapter or base alone: rows as ``measure.py`` writes them. Raises ServeError."""
        name = adapter.name if adapter else BASE
        self.said(f"measuring {name} on {data.name}")
        out = self.folder / "measured.json"
        words = ["--model", self.base, "--data", str(data), "--json", str(out), "--rows", str(len(self.rows))]
        words += ["--adapter", str(adapter.path)] if adapter else []
        words += [] if generate is None else ["--generate", str(generate)]
        environment.run(self.python, "measure.py", *words)
        return list(json.loads(out.read_text(encoding="utf-8"))["rows"])


# -- held-out rows ------------------------------------------------------------------------------------------------------


def held_out(places: Places, settings: Settings, order: Order, adapter: Adapter, folder: Path) -> tuple[Path, str]:
    """The file, and where it is from in words. Raises ServeError where there are no held-out rows."""
    if order.data:
        return test_file(Path(order.data).expanduser()), order.data
    if adapter.id:
        with open_reader(places.db) as connection:
            training = trainings.find_adapter(connection, adapter.id)["training_id"]
            place = Path(trainings.by_id(connection, training)["folder"]) / "data" if training else None
        if place and place.is_dir():
            return test_file(place), str(place)
    carry_out(places, settings, Export(methods=METHODS, out=folder / "export"))
    return test_file(folder / "export"), "a fresh export"


def test_file(place: Path) -> Path:
    """Raises ServeError; also where sessions are in both splits, for then nothing is held out."""
    if place.is_file():
        return place
    for method in (*METHODS, "."):
        file = place / method / "test.jsonl"
        if file.is_file() and file.stat().st_size:
            beside = file.with_name("train.jsonl")
            common = groups_in(file) & groups_in(beside) if beside.is_file() else set()
            if common:
                raise ServeError(f"{len(common)} sessions of {file} are in train.jsonl too", "Export again: procy export all")
            return file
    remedy = "Rows are held out by session: with few sessions there may be none; procy export all --held-out 0.3"
    raise ServeError(f"there are no held-out rows in {place}", remedy)


def groups_in(file: Path) -> set[str]:
    return {str(row["group"]) for row in read_rows(file) if row.get("group")}


def read_rows(file: Path) -> list[Row]:
    """Each with an id. Raises ServeError naming the line."""
    found: list[Row] = []
    try:
        lines: Sequence[str] = file.read_text(encoding="utf-8").split("\n")  # and at nothing else: texts may hold U+2028
    except OSError as error:
        raise ServeError(f"cannot read {file}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found.append({**row, "id": str(row.get("id") or number - 1)})
        except (ValueError, AttributeError) as error:
            raise ServeError(f"line {number} of {file} is no row of training data", "Export the data again") from error
    return found
