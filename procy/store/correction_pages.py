"""What pages read of corrections. Rows are ``sqlite3.Row``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

BRIEF = 300  # characters of a corrected prompt that a turn shows in its line
STATE = "CASE WHEN deleted_at IS NOT NULL THEN 'deleted' WHEN replaced_by IS NOT NULL THEN 'replaced' ELSE 'standing' END"
STATES = ("standing", "replaced", "deleted")
FULL = f"""
SELECT corrections.*, {STATE} AS state, turns.seq AS turn_seq, substr(turns.prompt, 1, 200) AS turn_prompt,
       tries.seq AS try_seq, tries.run_id, sessions.id AS session_id, sessions.agent, sessions.name AS session_name, sessions.cwd,
       judged.definition
FROM corrections
LEFT JOIN turns ON turns.id = corrections.turn_id
LEFT JOIN tries ON tries.id = corrections.try_id
LEFT JOIN sessions ON sessions.id = coalesce(turns.session_id, tries.session_id)
LEFT JOIN runs ON runs.id = corrections.replay_id
LEFT JOIN evaluators AS judged ON judged.id = runs.evaluator_id
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which corrections; "" does not matter. ``session`` is an id, ``text`` stands in a prompt, its correction or the note."""

    state: str = ""
    author: str = ""
    session: str = ""
    text: str = ""

    def where(self) -> tuple[list[str], dict[str, str]]:
        """Conditions and their values."""
        text = self.text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        values = {"state": self.state, "author": self.author, "session": self.session, "text": f"%{text}%"}
        like = [f"{name} LIKE :text ESCAPE '\\'" for name in ("corrections.chosen", "corrections.rejected", "corrections.note")]
        conditions = {
            "state": f"{STATE} = :state", "author": "corrections.author = :author", "session": "sessions.id = :session",
            "text": f"({' OR '.join(like)})",
        }  # fmt: skip
        return [conditions[name] for name in conditions if getattr(self, name)], values


def page(
    connection: sqlite3.Connection, wanted: Filter, before: tuple[str, str] | None = None, limit: int = 50, revision: int = -1
) -> list[sqlite3.Row]:
    """Newest first; ``before`` is (created_at, id) of the last one on the page before. Only those changed after ``revision``."""
    conditions, values = wanted.where()
    more: dict[str, str | int] = {"limit": limit}
    if before:
        conditions.append("(corrections.created_at, corrections.id) < (:created_at, :id)")
        more |= dict(zip(("created_at", "id"), before, strict=True))
    if revision >= 0:
        conditions.append("corrections.revision > :revision")
        more["revision"] = revision
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return connection.execute(
        f"{FULL} {where} ORDER BY corrections.created_at DESC, corrections.id DESC LIMIT :limit", {**values, **more}
    ).fetchall()


def of_prompt(connection: sqlite3.Connection, turn_id: str | None, try_id: str | None) -> list[sqlite3.Row]:
    """All of a turn, or of a try without one: newest first, deleted ones too."""
    return connection.execute(
        f"{FULL} WHERE corrections.turn_id = ? OR corrections.try_id = ? ORDER BY corrections.rowid DESC", (turn_id, try_id)
    ).fetchall()


def changed(connection: sqlite3.Connection, revision: int, limit: int) -> list[sqlite3.Row]:
    """The first that changed after a revision, in the order of their changes."""
    return connection.execute(
        f"{FULL} WHERE corrections.revision > ? ORDER BY corrections.revision LIMIT ?", (revision, limit)
    ).fetchall()


def revision(connection: sqlite3.Connection) -> int:
    """The newest; 0 before there is any."""
    (found,) = connection.execute("SELECT coalesce(max(revision), 0) FROM corrections").fetchone()
    return int(found)


def authors(connection: sqlite3.Connection, limit: int = 100) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT author FROM corrections WHERE author IS NOT NULL ORDER BY author LIMIT ?", (limit,)
    )
    return [row[0] for row in rows]


def in_short(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> dict[str, list[sqlite3.Row]]:
    """The corrections of each turn, newest first, with the beginning of what it was corrected to.

    ``is_sent``: the corrected prompt is the one that was sent.
    """
    found: dict[str, list[sqlite3.Row]] = {turn_id: [] for turn_id in turn_ids}
    places = ",".join("?" * len(turn_ids))
    for row in connection.execute(
        f"SELECT corrections.id, turn_id, {STATE} AS state, revision, substr(chosen, 1, {BRIEF}) AS chosen, note, author, "
        "created_at, chosen = turns.prompt AS is_sent FROM corrections JOIN turns ON turns.id = turn_id "
        f"WHERE turn_id IN ({places}) ORDER BY corrections.rowid DESC",
        tuple(turn_ids),
    ):
        found[row["turn_id"]].append(row)
    return found


def of_tries(connection: sqlite3.Connection, tries: Sequence[sqlite3.Row]) -> dict[str, list[sqlite3.Row]]:
    """As ``in_short``, of each try; in ``tries`` are their id and turn_id."""
    found: dict[str, list[sqlite3.Row]] = {row["id"]: [] for row in tries}
    places = ",".join("?" * len(tries))
    for row in connection.execute(
        f"SELECT corrections.id, tries.id AS of_try, {STATE} AS state, revision, substr(chosen, 1, {BRIEF}) AS chosen, note, "
        "author, created_at, chosen = tries.prompt AS is_sent FROM tries JOIN corrections ON corrections.try_id = tries.id "
        f"OR corrections.turn_id = tries.turn_id WHERE tries.id IN ({places}) ORDER BY corrections.rowid DESC",
        tuple(found),
    ):
        found[row["of_try"]].append(row)
    return found


def changed_turns(connection: sqlite3.Connection, session_id: str, revision: int, limit: int) -> list[str]:
    """Turns of a session whose corrections changed after a revision."""
    rows = connection.execute(
        "SELECT turn_id FROM corrections CROSS JOIN turns ON turns.id = turn_id "
        "WHERE revision > ? AND session_id = ? ORDER BY revision LIMIT ?",
        (revision, session_id, limit),
    )
    return list(dict.fromkeys(row[0] for row in rows))
