"""Evaluators, and every sample that they ever gave: failures are kept too, with their status and never with a score."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, Protocol

from procy.store.db import iso

EVALUATORS = ("session_id", "name", "root", "definition", "files", "sha256")


class SampleLike(Protocol):
    """What a run of an evaluator gave: ``procy.evaluate.run.Sample``. Its texts are masked."""

    @property
    def status(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def metrics(self) -> Mapping[str, float]: ...
    @property
    def score(self) -> float | None: ...
    @property
    def instances(self) -> Mapping[str, Any]: ...
    @property
    def feedback(self) -> tuple[Any, ...]: ...
    @property
    def artifacts(self) -> Mapping[str, Any]: ...
    @property
    def output(self) -> str: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def duration_ms(self) -> int: ...
    @property
    def started_ns(self) -> int: ...
    @property
    def host(self) -> str: ...
    @property
    def load(self) -> float: ...
    @property
    def stage(self) -> str: ...
    @property
    def seed(self) -> int | None: ...
    @property
    def commit(self) -> str: ...


# -- evaluators ---------------------------------------------------------------------------------------------------------


def add_evaluator(connection: sqlite3.Connection, key: str, at_ns: int, values: Mapping[str, Any]) -> None:
    connection.execute(
        f"INSERT INTO evaluators (id, {', '.join(EVALUATORS)}, created_at) VALUES (?{', ?' * (len(EVALUATORS) + 1)})",
        (key, *(values[name] for name in EVALUATORS), iso(at_ns)),
    )


def evaluators(connection: sqlite3.Connection, root: str) -> list[Any]:
    """Of a work tree, newest first."""
    cursor = connection.execute("SELECT * FROM evaluators WHERE root = ? ORDER BY created_at DESC, id DESC", (root,))
    return by_name(cursor)


def newest_evaluator(connection: sqlite3.Connection, root: str) -> Any:
    """None where there is none."""
    return next(iter(evaluators(connection, root)), None)


def evaluator(connection: sqlite3.Connection, key: str) -> Any:
    return next(iter(by_name(connection.execute("SELECT * FROM evaluators WHERE id = ?", (key,)))), None)


# -- samples ------------------------------------------------------------------------------------------------------------


def add_sample(
    connection: sqlite3.Connection,
    evaluation_id: str,
    evaluator_id: str,
    sample: SampleLike,
    purpose: str = "run",
    **owners: str | None,
) -> None:
    """``owners``: try_id, for_try_id, turn_id, as far as there are such. The same id again changes nothing."""
    unknown = set(owners) - {"try_id", "for_try_id", "turn_id"}
    if unknown:
        raise TypeError(f"no owner of a sample is called {unknown.pop()}")
    values = {
        "id": evaluation_id,
        "evaluator_id": evaluator_id,
        **owners,
        "commit_sha": sample.commit,
        "stage": sample.stage,
        "purpose": purpose,
        "seed": sample.seed,
        "status": sample.status,
        "reason": sample.reason or None,
        "metrics": as_json(sample.metrics),
        "score": sample.score if sample.status == "ok" else None,
        "instances": as_json(sample.instances),
        "feedback": as_json(sample.feedback),
        "artifacts": as_json(sample.artifacts),
        "output": sample.output or None,
        "exit_code": sample.exit_code,
        "duration_ms": sample.duration_ms,
        "started_at": iso(sample.started_ns),
        "host": sample.host,
        "load": sample.load,
    }
    connection.execute(
        f"INSERT OR IGNORE INTO evaluations ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())
    )


def blame_machine(connection: sqlite3.Connection, for_try_id: str) -> None:
    """The crashes of a comparison were the evaluator's own fault: they judge nobody, and are measured again."""
    connection.execute(
        "UPDATE evaluations SET status = 'infra', reason = 'also what was measured before: ' || reason "
        "WHERE for_try_id = ? AND status IN ('crash', 'timeout')",
        (for_try_id,),
    )


def as_json(value: Any) -> str | None:
    return json.dumps(value, ensure_ascii=False, default=dict) if value else None


def samples(
    connection: sqlite3.Connection, *, try_id: str = "", for_try_id: str = "", commit: str = "", evaluator_id: str = ""
) -> list[dict[str, Any]]:
    """Those of which all that is given is true, in order; JSON columns are read."""
    wanted = {"try_id": try_id, "for_try_id": for_try_id, "commit_sha": commit, "evaluator_id": evaluator_id}
    given = {name: value for name, value in wanted.items() if value}
    where = f"WHERE {' AND '.join(f'{name} = ?' for name in given)}" if given else ""
    rows = connection.execute(f"SELECT * FROM evaluations {where} ORDER BY started_at, id", tuple(given.values()))
    return [read(row) for row in by_name(rows)]


def history(connection: sqlite3.Connection, root: str, name: str, limit: int = 0) -> list[dict[str, Any]]:
    """The samples of a work tree's evaluators of that name, oldest first, the last ``limit`` of them; with their ``sha256``, and
    ``run_id`` and ``seq`` of the try that a run took them for."""
    rows = connection.execute(
        "SELECT evaluations.*, evaluators.sha256 AS evaluator_sha, tries.run_id, tries.seq FROM evaluations "
        "JOIN evaluators ON evaluators.id = evaluations.evaluator_id LEFT JOIN tries ON tries.id = evaluations.for_try_id "
        "WHERE evaluators.root = ? AND evaluators.name = ? "
        "AND purpose != 'doctor' ORDER BY evaluations.started_at DESC, evaluations.id DESC LIMIT ?",
        (root, name, limit or -1),
    )
    return [read(row) for row in by_name(rows)][::-1]


def usual_ms(connection: sqlite3.Connection, evaluator_id: str, stage: str) -> int | None:
    """How long its last good runs took, the middle of them; None before the first."""
    rows = connection.execute(
        "SELECT duration_ms FROM evaluations WHERE evaluator_id = ? AND stage = ? AND status = 'ok' "
        "ORDER BY started_at DESC LIMIT 9",
        (evaluator_id, stage),
    ).fetchall()
    found = sorted(row[0] for row in rows if row[0] is not None)
    return found[len(found) // 2] if found else None


JSON_COLUMNS = {"metrics": dict, "instances": dict, "feedback": list, "artifacts": dict}


def read(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{name: json.loads(row[name]) if row[name] else empty() for name, empty in JSON_COLUMNS.items()}}


def by_name(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    """Rows as dicts, whatever the connection makes of rows."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
