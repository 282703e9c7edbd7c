"""What the pages of sessions show, in pieces that stay small however much there is; as ``store.read`` otherwise."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from procy.store.read import NO_SUBAGENT, find_session, find_turn, match_expression
from procy.store.wanted import EVERY, Wanted, session_conditions

PAGE_PROMPT = 4_000  # characters; a prompt that is little longer comes whole
PAGE_TURN = """
SELECT id, session_id, seq, origin, kind, folded, status, error, source, model, started_at, ended_at,
       input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd,
       try_id, (SELECT tries.seq FROM tries WHERE tries.id = turns.try_id) AS try_seq, terminal_from, terminal_to, tool_count,
       CASE WHEN length(prompt) <= :prompt + 500 THEN prompt ELSE substr(prompt, 1, :prompt) END AS prompt,
       length(prompt) AS prompt_length, length(reasoning) AS reasoning_length, response
FROM turns
"""


def page_turns(
    connection: sqlite3.Connection,
    session_id: str,
    after: int = 0,
    before: int | None = None,
    limit: int = 50,
) -> list[sqlite3.Row]:
    """Turns ``after < seq < before`` in order, the last ``limit`` of them where ``before`` is given, else the first.

    Of a long prompt only the beginning.
    """
    values = {"session": session_id, "after": after, "before": before if before is not None else 1 << 62, "limit": limit}
    values["prompt"] = PAGE_PROMPT
    order = "ASC" if before is None else "DESC"
    rows = connection.execute(
        f"{PAGE_TURN} WHERE session_id = :session AND seq > :after AND seq < :before ORDER BY seq {order} LIMIT :limit", values
    ).fetchall()
    return rows if before is None else rows[::-1]


def page_turns_by_id(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> list[sqlite3.Row]:
    """As ``page_turns``, those with the given ids."""
    places = ",".join(f":id{number}" for number in range(len(turn_ids)))
    values = {"prompt": PAGE_PROMPT, **{f"id{number}": turn_id for number, turn_id in enumerate(turn_ids)}}
    return connection.execute(f"{PAGE_TURN} WHERE id IN ({places}) ORDER BY seq", values).fetchall()


def page_calls(connection: sqlite3.Connection, turn_ids: Sequence[str], size: int = 2_000) -> dict[str, list[sqlite3.Row]]:
    """The calls of each turn without their results; ``input`` is cut to ``size`` characters."""
    calls: dict[str, list[sqlite3.Row]] = {turn_id: [] for turn_id in turn_ids}
    places = ",".join("?" * len(turn_ids))
    for row in connection.execute(
        "SELECT turn_id, seq, name, status, duration_ms, response_at, substr(input, 1, ?) AS input, "
        "length(input) AS input_length, length(result) AS result_length "
        f"FROM tool_calls WHERE turn_id IN ({places}) ORDER BY turn_id, seq",
        (size, *turn_ids),
    ):
        calls[row["turn_id"]].append(row)
    return calls


def page_files(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> dict[str, list[sqlite3.Row]]:
    """The files that each turn changed, without their diffs."""
    files: dict[str, list[sqlite3.Row]] = {turn_id: [] for turn_id in turn_ids}
    places = ",".join("?" * len(turn_ids))
    for row in connection.execute(
        "SELECT turn_id, path, change, length(diff) AS diff_length, "
        "(SELECT why FROM git_files WHERE (turn_id, path) = (turn_files.turn_id, turn_files.path)) AS why "
        f"FROM turn_files WHERE turn_id IN ({places}) ORDER BY path",
        tuple(turn_ids),
    ):
        files[row["turn_id"]].append(row)
    return files


def changed_paths(connection: sqlite3.Connection, session_id: str) -> int:
    """How many files the session's turns changed."""
    row = connection.execute(
        "SELECT count(DISTINCT path) FROM turns JOIN turn_files ON turn_id = turns.id WHERE session_id = ?", (session_id,)
    ).fetchone()
    return int(row[0])


def changed_files(connection: sqlite3.Connection, session_id: str) -> Iterator[sqlite3.Row]:
    """path, change, diff, and the turn's id and seq, turn by turn."""
    yield from connection.execute(
        "SELECT path, change, diff, turns.id, turns.seq FROM turns JOIN turn_files ON turn_id = turns.id "
        "WHERE session_id = ? ORDER BY turns.seq, path",
        (session_id,),
    )


def turn_range(connection: sqlite3.Connection, session_id: str) -> tuple[int, int, int]:
    """(how many turns, first seq, last seq); zeros for none."""
    row = connection.execute(
        "SELECT count(*), coalesce(min(seq), 0), coalesce(max(seq), 0) FROM turns WHERE session_id = ?", (session_id,)
    ).fetchone()
    return row[0], row[1], row[2]


def turn_titles(
    connection: sqlite3.Connection, session_id: str, after: int = 0, before: int | None = None, limit: int = 100
) -> list[sqlite3.Row]:
    """Short rows for a list of turns; ``after``, ``before`` and ``limit`` as in ``page_turns``."""
    order = "ASC" if before is None else "DESC"
    rows = connection.execute(
        "SELECT id, seq, origin, kind, status, started_at, terminal_from, terminal_to, substr(prompt, 1, 200) AS prompt "
        f"FROM turns WHERE session_id = ? AND seq > ? AND seq < ? ORDER BY seq {order} LIMIT ?",
        (session_id, after, before if before is not None else 1 << 62, limit),
    ).fetchall()
    return rows if before is None else rows[::-1]


def session_totals(connection: sqlite3.Connection, session_id: str) -> sqlite3.Row:
    """Tokens and dollars of all its turns."""
    row: sqlite3.Row = connection.execute(
        "SELECT sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd, "
        "sum(cache_read_tokens) AS cache_read_tokens, sum(cache_write_tokens) AS cache_write_tokens "
        "FROM turns WHERE session_id = ?",
        (session_id,),
    ).fetchone()
    return row


def page_sessions(
    connection: sqlite3.Connection,
    before: tuple[int, str, str] | None = None,
    limit: int = 50,
    live: bool = False,
    children: bool = False,
    wanted: Wanted = EVERY,
) -> list[sqlite3.Row]:
    """Those recorded now, then by last activity; each with how many turns it has, how many of them are ``unseen``, its
    ``tags`` (a line each) and its last prompt.

    ``before`` is (live, active_at, id) of the last one on the page before.
    """
    conditions = ["status IN ('recording', 'paused')"] if live else []
    conditions += [] if children else [NO_SUBAGENT]
    conditions += session_conditions(wanted)
    where = "WHERE " + " AND ".join(f"({one})" for one in conditions) if conditions else ""
    later = ["(live, active_at, id) < (:live, :active, :id)"] if before else []
    later += ["active_at >= :since"] if wanted.since else []
    after = "WHERE " + " AND ".join(later) if later else ""
    order = "live DESC, active_at DESC, id DESC"
    return connection.execute(
        f"WITH known AS (SELECT *, status IN ('recording', 'paused') AS live FROM sessions {where}), "
        f"page AS (SELECT * FROM known {after} ORDER BY {order} LIMIT :limit) "
        "SELECT page.*, (SELECT count(*) FROM turns WHERE session_id = page.id) AS turns, "
        "(SELECT count(*) FROM turns WHERE session_id = page.id AND seq > (SELECT seq FROM marks "
        "WHERE kind = 'seen' AND what = 'session' AND target_id = page.id)) AS unseen, "
        "(SELECT group_concat(tag, char(10)) FROM (SELECT tag FROM tags WHERE what = 'session' AND target_id = page.id "
        "ORDER BY tag)) AS tags, "
        "last.started_at AS last_turn_at, last.ended_at AS last_end_at, last.status AS last_status, "
        "substr(last.prompt, 1, 300) AS last_prompt, last.origin AS last_origin "
        "FROM page LEFT JOIN turns AS last ON last.session_id = page.id AND last.seq = "
        f"(SELECT max(seq) FROM turns WHERE session_id = page.id) ORDER BY {order}",
        {
            "limit": limit, **wanted._asdict(), "match": match_expression(wanted.text or "") or '""',
            **dict(zip(("live", "active", "id"), before or (), strict=False)),
        },
    ).fetchall()  # fmt: skip


def turn_at(connection: sqlite3.Connection, session_id: str, offset: int) -> sqlite3.Row | None:
    """The last turn that began at or before a place in the terminal's bytes: id, seq, terminal_from, terminal_to."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT id, seq, terminal_from, terminal_to FROM turns WHERE session_id = ? AND terminal_from <= ? "
        "ORDER BY terminal_from DESC, seq DESC LIMIT 1",
        (session_id, offset),
    ).fetchone()
    return row


def tool_call(connection: sqlite3.Connection, turn_id: str, seq: int, size: int) -> sqlite3.Row | None:
    """One call; ``result`` is cut to ``size`` characters of ``result_length``."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT seq, name, status, input, substr(result, 1, ?) AS result, length(result) AS result_length "
        "FROM tool_calls WHERE turn_id = ? AND seq = ?",
        (size, turn_id, seq),
    ).fetchone()
    return row


def page_session(connection: sqlite3.Connection, handle: str) -> sqlite3.Row:
    """As ``find_session``, at once where the handle is a whole id; without the summary. Raises HandleError."""
    exact = "SELECT * FROM sessions WHERE id = ?"
    row: sqlite3.Row | None = connection.execute(exact, (handle,)).fetchone()
    return row or connection.execute(exact, (find_session(connection, handle)["id"],)).fetchone()


def page_turn(connection: sqlite3.Connection, handle: str) -> sqlite3.Row:
    """As ``find_turn``, at once where the handle is a whole id. Raises HandleError."""
    row: sqlite3.Row | None = connection.execute("SELECT * FROM turns WHERE id = ?", (handle,)).fetchone()
    return row or find_turn(connection, handle)
