"""A database of the first procy: its sessions with prompts, answers and tool calls, corrections, evaluators and their results.

Its rows become lines of a transcript, so that ``procy rebuild`` makes the same turns of them again.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from procy import ids
from procy.errors import ProcyError
from procy.evaluate.contract import Contract, Metric
from procy.evaluate.legacy import contract_of, declared
from procy.evaluate.run import Sample
from procy.imports.batch import Batch
from procy.imports.known import find_known
from procy.parse.redact import mask
from procy.parse.times import from_milliseconds
from procy.parse.transcripts.seed import Reader
from procy.recording.rebuild import derive_again
from procy.recording.timeline import Timeline
from procy.recording.transcripts import SEED_ENDING
from procy.recording.turnbook import TurnBook
from procy.settings import Settings
from procy.sidecar.rows import Rows
from procy.store import corrections, evaluations, injections, turn_sources, write
from procy.store.db import iso
from procy.store.forgotten import is_forgotten
from procy.types import TranscriptFile, Turn

TABLES = {"sessions", "turns", "actions", "corrections"}
LEFT_OUT = ("terminal_events", "programs", "diffs", "evolve_runs", "island_config")  # tables of which nothing is taken
ROOT = "the first procy"  # of its evaluators: none of today's work trees is judged by them
Row = Mapping[str, Any]


@dataclass
class SeedReport:
    """What came of it. ``left``: rows by table of which nothing is taken; ``loose``: corrections of prompts that are no turn."""

    new: int = 0
    known: int = 0
    changed: int = 0
    forgotten: int = 0
    turns: int = 0
    corrections: int = 0
    loose: int = 0
    evaluations: int = 0
    left: Counter[str] = field(default_factory=Counter)


def bring_seed(connection: sqlite3.Connection, settings: Settings, path: Path, done: Callable[[float], None]) -> SeedReport:
    """Each session in one transaction. Raises ProcyError for a file that is no such database."""
    report = SeedReport()
    source = opened(path)
    try:
        for row in source.execute("SELECT * FROM sessions ORDER BY started_at").fetchall():
            SeedSession(connection, settings, source, dict(row), report).bring()
            done(1)
        for table in LEFT_OUT:
            if has_table(source, table):
                report.left[table] = int(source.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise ProcyError(f"{path} cannot be read: {error}", "Give a database of the first procy: ~/.procy/traces.db") from error
    finally:
        source.close()
    return report


def opened(path: Path) -> sqlite3.Connection:
    try:
        source = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        source.row_factory = sqlite3.Row
        tables = {row[0] for row in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        raise ProcyError(f"{path} cannot be read: {error}", "Give a database of the first procy: ~/.procy/traces.db") from error
    if not tables >= TABLES:
        source.close()
        raise ProcyError(f"{path} is no database of the first procy", "Give that file: ~/.procy/traces.db")
    return source


def has_table(source: sqlite3.Connection, table: str) -> bool:
    return source.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None


class SeedSession:
    """One session on its way."""

    def __init__(
        self, connection: sqlite3.Connection, settings: Settings, source: sqlite3.Connection, row: Row, report: SeedReport
    ) -> None:
        self.connection, self.settings, self.source, self.row, self.report = connection, settings, source, row, report
        self.name = str(row["id"])
        self.agent = "claude-code" if row["agent_session_id"] else "generic"
        self.started_ns = nanoseconds(row["started_at"])
        self.path = f"{self.name}{SEED_ENDING}"
        self.is_joined, self.id = self.session_of()
        self.batch = Batch()
        self.rows = Rows(self.batch, self.id, settings)

    def session_of(self) -> tuple[bool, str]:
        """Whether its conversation has a session by another source, and the session's id."""
        own = ids.derived_id(self.started_ns, "import", "seed", self.name)
        before = find_known(self.connection, self.agent, TranscriptFile(self.path, self.name))
        if before:
            return before.session_id != own, before.session_id
        conversation = TranscriptFile("", self.row["agent_session_id"] or "")
        told = find_known(self.connection, self.agent, conversation) if conversation.agent_session_id else None
        return (True, told.session_id) if told and told.session_id else (False, own)

    def bring(self) -> None:
        if not self.id or is_forgotten(self.connection, self.id):
            self.report.forgotten += 1
            return
        records = self.records()
        lines = [json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") for record in records]
        key = write.transcript_id(self.agent, self.name, self.path)
        row = self.connection.execute("SELECT next_offset FROM transcripts WHERE id = ?", (key,)).fetchone()
        known = row[0] if row else 0
        if known and not self.begins_as_known(key, lines, known):
            self.report.changed += 1
            return
        turns = self.turns_in(lines)
        if len(lines) > known or not known:
            self.put(key, records, lines, known, turns)
        self.put_corrections(turns)
        if has_table(self.source, "eval_results"):
            self.put_evaluations(turns)
        self.batch.send(self.connection)
        self.report.new += not known
        self.report.known += bool(known) and len(lines) == known
        self.report.turns += len(turns) if len(lines) > known else 0

    def records(self) -> list[dict[str, Any]]:
        """Its prompts, answers and calls, in the order in which they came."""
        found = [
            {"table": table, **dict(row)}
            for table in ("turns", "actions")
            for row in self.source.execute(f"SELECT * FROM {table} WHERE session_id = ?", (self.name,))
        ]
        return sorted(found, key=lambda one: (one["turn_num"], one["table"] != "turns", one["id"]))

    def begins_as_known(self, key: str, lines: Sequence[bytes], known: int) -> bool:
        stored = self.connection.execute("SELECT line FROM transcript_lines WHERE transcript_id = ? ORDER BY offset", (key,))
        kept = [write.text_or_bytes(self.rows.as_kept(line)) for line in lines[:known]]
        found = [row[0] for row in stored]
        return len(lines) >= known and (not found or found == kept)

    def turns_in(self, lines: Sequence[bytes]) -> list[Turn]:
        reader, book = Reader(self.name), TurnBook(Timeline())
        for line in lines:
            reader.feed(line)
        self.last_ns = max(reader.whereabouts.last_ns, self.started_ns)
        book.put(reader.changed())
        return sorted(book.close(self.last_ns), key=lambda turn: turn.started_ns)

    def put(self, key: str, records: list[dict[str, Any]], lines: list[bytes], known: int, turns: list[Turn]) -> None:
        goal = str(self.row["goal"] or "").removeprefix("procy @ ")
        cwd = goal if os.path.isabs(goal) else ""
        session = {
            "agent": self.agent, "agent_session_id": self.row["agent_session_id"], "origin": "import", "pane_id": "",
            "name": None if cwd else mask(goal)[:200] or None, "cwd": cwd or None,
            "started_at": iso(self.started_ns), "ended_at": iso(self.last_ns), "status": "ended",
        }  # fmt: skip
        if not self.is_joined:
            self.rows.session(session)
        self.rows.transcript(self.agent, TranscriptFile(self.path, self.name), self.started_ns)
        self.rows.lines(key, list(enumerate(lines))[known:], len(lines))
        for record in records:
            if record["table"] == "turns" and record["role"] == "procy":
                self.batch.put(partial(self.inject, record))
        for turn in turns:
            self.rows.turn(turn)
        if self.is_joined:  # its turns were there before it was known whose prompts they had
            self.batch.put(lambda connection: derive_again(connection, self.id, self.settings))

    def inject(self, record: Row, connection: sqlite3.Connection) -> None:
        """The prompt was procy's own."""
        at_ns, text = nanoseconds(record["timestamp"]), str(record["content"])
        key = ids.derived_id(at_ns, self.id, "injection", str(record["id"]))
        if not connection.execute("SELECT 1 FROM injections WHERE id = ?", (key,)).fetchone():
            injections.add(connection, key, self.id, at_ns, text, mask(text))
            injections.settle(connection, key, "delivered", "screen")

    # -- what hangs on the turns ------------------------------------------------------------------------------------------

    def put_corrections(self, turns: list[Turn]) -> None:
        for row in self.source.execute("SELECT * FROM corrections WHERE session_id = ? ORDER BY id", (self.name,)):
            at_ns = nanoseconds(row["timestamp"])
            key = ids.derived_id(at_ns, self.id, "correction", str(row["id"]))
            if self.connection.execute("SELECT 1 FROM corrections WHERE id = ?", (key,)).fetchone():
                continue
            turn = corrected(turns, str(row["original_prompt"]), at_ns)
            rejected, chosen, note = (mask(str(row[name] or "")) for name in ("original_prompt", "corrected_prompt", "note"))
            pair = corrections.Pair(None, None, rejected, chosen, note, author="")
            self.batch.put(partial(self.correct, key, at_ns, turn, pair))
            self.report.corrections += 1
            self.report.loose += turn is None

    def turn_id(self, connection: sqlite3.Connection, turn: Turn | None) -> str | None:
        """Once the turns are there: another source may tell of it."""
        return turn_sources.known_id(connection, self.id, turn) if turn else None

    def correct(self, key: str, at_ns: int, turn: Turn | None, pair: corrections.Pair, connection: sqlite3.Connection) -> None:
        pair = pair._replace(turn_id=self.turn_id(connection, turn))
        corrections.add(connection, correction_id=key, at_ns=at_ns, pair=pair)

    def evaluate(self, key: str, evaluator: str, sample: Sample, turn: Turn | None, connection: sqlite3.Connection) -> None:
        owner = self.turn_id(connection, turn)
        evaluations.add_sample(connection, evaluation_id=key, evaluator_id=evaluator, sample=sample, turn_id=owner)

    def put_evaluations(self, turns: list[Turn]) -> None:
        rows = self.source.execute("SELECT * FROM evaluators WHERE session_id = ?", (self.name,)).fetchall()
        contracts = {row["id"]: self.put_evaluator(dict(row)) for row in rows}
        for row in self.source.execute("SELECT * FROM eval_results WHERE session_id = ? ORDER BY id", (self.name,)).fetchall():
            if row["evaluator_id"] not in contracts:
                self.report.left["eval_results"] += 1
                continue
            evaluator_id, contract = contracts[row["evaluator_id"]]
            at_ns = nanoseconds(row["timestamp"])
            key = ids.derived_id(at_ns, self.id, "evaluation", str(row["id"]))
            if self.connection.execute("SELECT 1 FROM evaluations WHERE id = ?", (key,)).fetchone():
                continue
            turn = max((turn for turn in turns if turn.started_ns <= at_ns), key=lambda turn: turn.started_ns, default=None)
            self.batch.put(partial(self.evaluate, key, evaluator_id, sample_of(dict(row), contract, at_ns), turn))
            self.report.evaluations += 1

    def put_evaluator(self, row: Row) -> tuple[str, Contract]:
        source, path = str(row["script_content"] or ""), str(row["script_path"] or "eval.py")
        contract = contract_of(path, str(row["name"]), source)
        if told := metrics_in(row["metrics_schema"]):
            contract = replace(contract, metrics=told, objective=told[0].name)
        at_ns = nanoseconds(row["timestamp"])
        key = ids.derived_id(at_ns, self.id, "evaluator", str(row["id"]))
        definition = mask(json.dumps(contract.as_json()))
        values = {
            "session_id": self.id, "name": contract.name, "root": ROOT, "definition": definition, "files": "{}",
            "sha256": sha256(definition.encode()).hexdigest(),
        }  # fmt: skip
        if not self.connection.execute("SELECT 1 FROM evaluators WHERE id = ?", (key,)).fetchone():
            self.batch.put(lambda connection: evaluations.add_evaluator(connection, key, at_ns, values))
        return key, contract


def corrected(turns: list[Turn], prompt: str, at_ns: int) -> Turn | None:
    """The last turn before the correction with that very prompt: its turn numbers named others now and then."""
    found = [turn for turn in turns if turn.prompt == prompt and turn.started_ns <= at_ns]
    return found[-1] if found else None


def metrics_in(schema: object) -> tuple[Metric, ...]:
    try:
        entries = json.loads(str(schema))
    except ValueError:
        return ()
    named = (
        [one for one in entries if isinstance(one, dict) and isinstance(one.get("name"), str)]
        if isinstance(entries, list)
        else []
    )
    return tuple(declared(one["name"], one) for one in named)


def sample_of(row: dict[str, Any], contract: Contract, at_ns: int) -> Sample:
    """A result: it counts where the script ended well and told its metrics, as it was there."""
    try:
        found = json.loads(row["metrics"])
    except (TypeError, ValueError):
        found = {}
    told = found.items() if isinstance(found, dict) else ()
    numbers = {key: float(value) for key, value in told if isinstance(value, (int, float))}
    judgement = contract.judge(numbers)
    is_ok = row["exit_code"] == 0 and judgement.score is not None
    return Sample(
        status="ok" if is_ok else "crash" if row["exit_code"] else "invalid", reason="" if is_ok else judgement.reason,
        metrics=numbers, score=judgement.score if is_ok else None, output=mask(str(row["raw_output"] or ""))[-4000:],
        exit_code=row["exit_code"], duration_ms=round((row["duration_s"] or 0) * 1000), started_ns=at_ns, stage="full",
    )  # fmt: skip


def nanoseconds(seconds: object) -> int:
    return from_milliseconds(round(seconds * 1000) if isinstance(seconds, (int, float)) and 0 <= seconds < 1e12 else None)
