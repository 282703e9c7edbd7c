"""What turns changed, by git: snapshots of work trees and the files that differ. Writers belong inside one ``transaction``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from procy.store.forgotten import is_forgotten

COLUMNS = ("turn_id", "moment", "session_id", "root", "git_dir", "tree", "ref", "head", "at", "late_ms", "took_ms", "left_out",
           "reason")  # fmt: skip
LEFT_OUT = (("big", "too big"), ("secret", "named like secrets"), ("nested", "in repositories of their own"),
            ("unreadable", "not readable"))  # fmt: skip
WHY = {"binary": "binary", "long": "too long to keep here"}
LATE_MS = 2_000  # a snapshot later than that may miss the turn's first changes


class Kept(NamedTuple):
    """A ref of ours, in the repository at ``git_dir``, and the tree that it keeps."""

    git_dir: str
    ref: str
    tree: str


def put_snapshot(connection: sqlite3.Connection, values: dict[str, Any]) -> bool:
    """False for one of a turn or session that was forgotten meanwhile."""
    if is_forgotten(connection, values["turn_id"]) or is_forgotten(connection, values["session_id"]):
        return False
    names = ", ".join(COLUMNS)
    connection.execute(
        f"INSERT OR REPLACE INTO turn_snapshots ({names}) VALUES ({', '.join('?' * len(COLUMNS))})",
        tuple(values.get(name) for name in COLUMNS),
    )
    return True


def put_files(connection: sqlite3.Connection, turn_id: str, rows: Iterable[tuple[str, str, str | None, str | None]]) -> None:
    """``rows``: path, change, diff, why; masked. They stand in ``turn_files`` as soon as the turn does."""
    connection.execute(
        "DELETE FROM turn_files WHERE turn_id = :id AND path IN (SELECT path FROM git_files WHERE turn_id = :id)", {"id": turn_id}
    )
    connection.execute("DELETE FROM git_files WHERE turn_id = ?", (turn_id,))
    connection.executemany("INSERT OR REPLACE INTO git_files VALUES (?, ?, ?, ?, ?)", [(turn_id, *row) for row in rows])
    tell_files(connection, turn_id)


def tell_files(connection: sqlite3.Connection, turn_id: str) -> None:
    """What git knows of a turn's files, in place of what the agent's tools told of them, some by names from its directory."""
    connection.execute(
        "DELETE FROM turn_files WHERE turn_id = :id AND path NOT LIKE '/%' AND EXISTS (SELECT 1 FROM git_files AS told "
        "WHERE told.turn_id = :id AND substr(told.path, -length(turn_files.path) - 1) = '/' || turn_files.path)",
        {"id": turn_id},
    )
    connection.execute(
        "INSERT INTO turn_files (turn_id, path, change, diff) SELECT turn_id, path, change, diff FROM git_files "
        "WHERE turn_id = :id AND EXISTS (SELECT 1 FROM turns WHERE id = :id) "
        "ON CONFLICT (turn_id, path) DO UPDATE SET change = excluded.change, diff = coalesce(excluded.diff, diff)",
        {"id": turn_id},
    )


def snapshot(connection: sqlite3.Connection, turn_id: str, moment: str) -> dict[str, Any] | None:
    row = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM turn_snapshots WHERE turn_id = ? AND moment = ?", (turn_id, moment)
    ).fetchone()
    return dict(zip(COLUMNS, row, strict=True)) if row else None


def latest(connection: sqlite3.Connection, session_id: str, root: str, until: str) -> str | None:
    """The tree of the session's last snapshot of a work tree that was begun by then."""
    row = connection.execute(
        "SELECT tree FROM turn_snapshots WHERE session_id = ? AND root = ? AND at <= ? AND tree IS NOT NULL "
        "ORDER BY at DESC LIMIT 1",
        (session_id, root, until),
    ).fetchone()
    return row[0] if row else None


def kept(connection: sqlite3.Connection, turn_ids: Sequence[str] = (), session_ids: Sequence[str] = ()) -> list[Kept]:
    """The refs of some turns and sessions; of all where none is named."""
    where = " OR ".join(
        f"{name} IN ({','.join('?' * len(ids))})" for name, ids in (("turn_id", turn_ids), ("session_id", session_ids)) if ids
    )
    sql = f"SELECT git_dir, ref, tree FROM turn_snapshots WHERE ref IS NOT NULL AND ({where or '1'})"
    return [Kept(*row) for row in connection.execute(sql, (*turn_ids, *session_ids))]


def git_dirs(connection: sqlite3.Connection) -> list[str]:
    """Every repository in which a snapshot was taken."""
    return [row[0] for row in connection.execute("SELECT DISTINCT git_dir FROM turn_snapshots ORDER BY 1")]


def newest_reason(connection: sqlite3.Connection) -> tuple[str, str] | None:
    """(work tree, why) where the newest snapshot could not be taken."""
    row = connection.execute("SELECT root, reason FROM turn_snapshots ORDER BY at DESC LIMIT 1").fetchone()
    return (row[0], row[1]) if row and row[1] else None


def drop_snapshots(connection: sqlite3.Connection, session_id: str) -> None:
    """The diffs stay."""
    connection.execute("DELETE FROM turn_snapshots WHERE session_id = ?", (session_id,))


# -- for people ---------------------------------------------------------------------------------------------------------


def notes(connection: sqlite3.Connection, turn_id: str) -> list[str]:
    """What a reader of a turn's diff should know: what is not in it, what it may miss, who else was at work."""
    before, after = (snapshot(connection, turn_id, moment) for moment in ("before", "after"))
    if not before and not after:
        return []
    told = [*dict.fromkeys(one["reason"] for one in (before, after) if one and one["reason"])]
    if told:
        return [f"git has no diff of this turn: {told[0]}"]
    if not before or not after:
        ended = connection.execute("SELECT ended_at FROM turns WHERE id = ?", (turn_id,)).fetchone()
        missing = "where it began" if after else "where it ended"
        return [f"git has no diff of this turn: its files were not seen {missing}"] if ended and ended[0] else []
    found = [f"not in git's diff: {text}"] if (text := left_out(connection, turn_id, before, after)) else []
    if before["late_ms"] > LATE_MS:
        found.append(f"the files were first seen {before['late_ms'] / 1000:.1f} s after the turn began")
    if others := others_at_work(connection, turn_id):
        names = ", ".join(f"{session[-6:].lower()}:{seq}" for session, seq in others[:8])
        found.append(f"at the same time another turn was at work in {before['root']}: {names}")
    return found


def left_out(connection: sqlite3.Connection, turn_id: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    """In words, with numbers; "" for nothing."""
    sides = [json.loads(one["left_out"] or "{}") for one in (before, after)]
    counts = [(len({*sides[0].get(kind, ()), *sides[1].get(kind, ())}), word) for kind, word in LEFT_OUT]
    counts += [(sides[1].get("ignored", 0), "ignored")]
    rows = connection.execute("SELECT why, count(*) FROM git_files WHERE turn_id = ? AND why IS NOT NULL GROUP BY 1", (turn_id,))
    counts += [(count, WHY[why]) for why, count in rows]
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def others_at_work(connection: sqlite3.Connection, turn_id: str) -> list[tuple[str, int]]:
    """(session, number) of turns of other sessions in the same work tree that overlap with this one in time."""
    rows = connection.execute(
        "SELECT DISTINCT other.session_id, other.seq FROM turns AS own JOIN turn_snapshots AS here ON here.turn_id = own.id "
        "JOIN turn_snapshots AS there ON there.root = here.root AND there.session_id != here.session_id "
        "JOIN turns AS other ON other.id = there.turn_id WHERE own.id = ? "
        "AND other.started_at < coalesce(own.ended_at, '9') AND coalesce(other.ended_at, '9') > own.started_at "
        "ORDER BY other.started_at",
        (turn_id,),
    )
    return [(row[0], row[1]) for row in rows]
