"""One session in a few numbers."""

import sqlite3
from dataclasses import dataclass

from procy.store.db import from_iso
from procy.store.read import turn_with_answer
from procy.store.session_pages import session_totals

TOKENS = {"in": "input_tokens", "cached": "cache_read_tokens", "out": "output_tokens"}


@dataclass(frozen=True, slots=True)
class Summary:
    """``turns`` by status, ``tools`` (uses, failed) by name, most used first, ``files`` (lines added, removed) by path,
    ``prompts`` (number, text) in order, ``answer`` the first line of the last one."""

    id: str
    name: str | None
    agent: str
    cwd: str | None
    branch: str | None
    status: str
    state: str | None
    started_at: str
    ended_at: str | None
    duration_ms: int
    turns: dict[str, int]
    tokens: dict[str, int | None]
    cost_usd: float | None
    tools: dict[str, tuple[int, int]]
    files: dict[str, tuple[int, int]]
    prompts: list[tuple[int, str]]
    answer: str


def summary_of(connection: sqlite3.Connection, session: sqlite3.Row, prompts: int = 3) -> Summary:
    key = session["id"]
    totals = session_totals(connection, key)
    last = turn_with_answer(connection, key)
    (until,) = connection.execute("SELECT max(coalesce(ended_at, started_at)) FROM turns WHERE session_id = ?", (key,)).fetchone()
    ended = session["ended_at"] or until or session["started_at"]
    rows = connection.execute(
        "SELECT seq, substr(prompt, 1, 400) FROM turns WHERE session_id = ? ORDER BY seq DESC LIMIT ?", (key, prompts)
    ).fetchall()
    return Summary(
        **{name: session[name] for name in ("id", "name", "agent", "cwd", "branch", "status", "state", "started_at", "ended_at")},
        duration_ms=max(from_iso(ended) - from_iso(session["started_at"]), 0) // 1_000_000,
        turns=dict(map(tuple, connection.execute(
            "SELECT status, count(*) FROM turns WHERE session_id = ? GROUP BY status ORDER BY 2 DESC", (key,)
        ))),
        tokens={name: totals[column] for name, column in TOKENS.items()},
        cost_usd=session["cost_usd"] if session["cost_usd"] is not None else totals["cost_usd"],
        tools=tools_of(connection, key),
        files=files_of(connection, key),
        prompts=[(seq, prompt) for seq, prompt in rows[::-1]],
        answer=next((line.strip() for line in last["response"].split("\n") if line.strip()), "") if last else "",
    )  # fmt: skip


def tools_of(connection: sqlite3.Connection, session_id: str) -> dict[str, tuple[int, int]]:
    rows = connection.execute(
        "SELECT name, count(*), sum(tool_calls.status IN ('error', 'denied')) FROM tool_calls "
        "JOIN turns ON turns.id = turn_id WHERE session_id = ? GROUP BY name ORDER BY 2 DESC, 1",
        (session_id,),
    )
    return {name: (count, failed) for name, count, failed in rows}


def files_of(connection: sqlite3.Connection, session_id: str) -> dict[str, tuple[int, int]]:
    rows = connection.execute(
        "SELECT path, diff FROM turn_files JOIN turns ON turns.id = turn_id WHERE session_id = ? ORDER BY seq DESC, path",
        (session_id,),
    )
    found: dict[str, tuple[int, int]] = {}
    for path, diff in rows:
        added, removed = found.get(path, (0, 0))
        plus, minus = lines_changed(diff)
        found[path] = (added + plus, removed + minus)
    return found


def lines_changed(diff: str | None) -> tuple[int, int]:
    """Lines that a unified diff adds and removes."""
    lines = [line for line in (diff or "").split("\n") if not line.startswith(("+++ ", "--- "))]
    plus, minus = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return plus, minus
