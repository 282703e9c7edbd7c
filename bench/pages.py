"""The pages: server time and size by length of session, of everything recorded, and search.
``python -m bench pages [turns to search]``

Each page is asked for through the whole ASGI stack (signed in, permission checks included; no socket). Beside it stands
what a page that shows everything would have to do: read a session's turns and tool calls whole, and write them as JSON.
For search, the reference is reading every text (LIKE).
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.corpus import WORDS, make_months, make_session
from bench.table import table
from procy.places import Places
from procy.store.db import open_reader, open_writer
from procy.ui.guard import OWNER
from procy.ui.launch import build

SIZES = (100, 1_000, 10_000)
SEARCHED = 200_000
RUNS = 9
MONTHS = {
    "overview, 30 days": "overview",
    "overview, all time": "overview?days=all",
    "training": "training",
    "training, proposed": "training?of=proxy",
}
QUERIES = {
    "in every turn": WORDS[0],
    "in 1 of 10": WORDS[20],
    "in 1 of 10,000": WORDS[-1],
    "two words": f"{WORDS[0]} {WORDS[300]}",
    "a phrase": f'"{WORDS[0]} {WORDS[1]}"',
    "in none": "qqqq",
}


def run(searched: int = SEARCHED) -> None:
    with tempfile.TemporaryDirectory(prefix="procy-bench-") as root:
        by_length(Path(root))
        by_turns(Path(root), (100, 10_000, searched))
        by_search(Path(root), searched)


def by_length(root: Path) -> None:
    places = places_in(root / "pages")
    sessions = {}
    connection = open_writer(places.db)
    for number, turns in enumerate(SIZES, 1):
        sessions[turns] = make_session(connection, turns, seed=number)
    connection.close()
    rows = []
    reader = open_reader(places.db)
    with Pages(places) as pages:
        for turns, session in sessions.items():
            whole, whole_bytes = median(lambda session=session: len(everything(reader, session)), 3)
            turn, start, end = reader.execute(
                "SELECT id, terminal_from, terminal_to FROM turns WHERE session_id = ? AND seq = ?", (session, turns // 2)
            ).fetchone()
            paths = {
                "newest turns": "",
                "first turns": "?after=0",
                "a turn's screen": f"/terminal?turn={turn}",
                "its clip": f"/terminal/clip.cast?from={start}&to={end}",
                "a link to a turn": f"?around={turns // 2}",
                "all marks": "/terminal?whole=1",
                "search": f"?q={WORDS[0]}",
            }
            for name, path in paths.items():
                seconds, size = pages.median(f"/-/procy/s/{session}{path}")
                rows.append(
                    [
                        f"{turns:,}",
                        name,
                        ms(seconds),
                        f"{size / 1000:.0f} KB",
                        f"{seconds / whole:.2f} ×",
                        f"{size / whole_bytes:.3f} ×",
                    ]
                )
    table(
        "pages",
        ("turns", "page", "server time", "size", "time to showing all", "size to showing all"),
        rows,
        "10,000 turns: ≤ 150 ms and ≤ 400 KB",
    )


def by_turns(root: Path, sizes: Sequence[int]) -> None:
    """The pages of everything that was recorded. The reference sums up all turns and tool calls as they are."""
    rows = []
    for turns in sizes:
        places = places_in(root / f"months-{turns}")
        connection = open_writer(places.db)
        make_months(connection, turns, time.time_ns(), days=60)
        connection.close()
        reader = open_reader(places.db)
        summed, _ = median(lambda reader=reader: sum_up(reader), 1)
        with Pages(places) as pages:
            for name, path in MONTHS.items():
                seconds, size = pages.median(f"/-/procy/{path}")
                rows.append([f"{turns:,}", name, ms(seconds), f"{size / 1000:.0f} KB", f"{seconds / summed:.2f} ×"])
        reader.close()
    aim = "200,000 turns: ≤ 150 ms"
    table("pages of everything", ("turns", "page", "server time", "size", "to summing up all turns"), rows, aim)


def sum_up(reader: sqlite3.Connection) -> int:
    """What activity, cost and tools would take without sums that are kept; how many rows come of it."""
    what = "date(started_at, 'localtime'), origin, model, count(*), sum(input_tokens), sum(cost_usd)"
    days = f"SELECT {what} FROM turns GROUP BY 1, 2, 3"
    tools = (
        "SELECT name, count(*), sum(tool_calls.status = 'error') FROM tool_calls JOIN turns ON turns.id = turn_id GROUP BY name"
    )
    return sum(len(reader.execute(sql).fetchall()) for sql in (days, tools))


def everything(reader: sqlite3.Connection, session: str) -> str:
    """What a page that shows a session whole sends."""
    turns = [dict(row) for row in reader.execute("SELECT * FROM turns WHERE session_id = ?", (session,))]
    calls = "SELECT tool_calls.* FROM tool_calls JOIN turns ON turns.id = tool_calls.turn_id WHERE session_id = ?"
    return json.dumps([turns, [dict(row) for row in reader.execute(calls, (session,))]])


def by_search(root: Path, turns: int) -> None:
    places = places_in(root / "search")
    connection = open_writer(places.db)
    for number in range(max(turns // 1000, 1)):
        session = make_session(connection, min(turns, 1000), seed=number + 1, words=60, tools=0, screen=False)
    connection.close()
    reader = open_reader(places.db)
    rows = []
    with Pages(places) as pages:
        for name, query in QUERIES.items():
            for where, path in (("all sessions", "search"), ("one session", f"s/{session}")):
                seconds, size = pages.median(f"/-/procy/{path}?q={query.replace(' ', '+')}")
                condition = "session_id = ?" if where == "one session" else "? IS NOT NULL"
                scanned, _ = median(lambda condition=condition: scan(reader, condition, session), 1)
                rows.append([name, where, ms(seconds), f"{size / 1000:.0f} KB", f"{seconds / scanned:.3f} ×"])
        seconds, size = pages.median("/-/procy")
        rows.append(["(the list of sessions)", "", ms(seconds), f"{size / 1000:.0f} KB", ""])
    table(
        f"search in {turns:,} turns", ("word occurs", "where", "server time", "size", "to reading every text"), rows, "≤ 100 ms"
    )


def scan(reader: sqlite3.Connection, condition: str, session: str) -> int:
    sql = f"SELECT count(*) FROM turns WHERE {condition} AND (prompt LIKE '%zzzz%' OR response LIKE '%zzzz%')"
    return int(reader.execute(sql, (session,)).fetchone()[0])


class Pages:
    """A Datasette with our plugins, asked in its own loop."""

    def __init__(self, places: Places) -> None:
        os.environ["PROCY_HOME"], os.environ["PROCY_CONFIG"] = places.home, places.config
        self.loop = asyncio.new_event_loop()
        self.datasette = self.loop.run_until_complete(self.start(places))

    async def start(self, places: Places) -> Any:
        datasette = build(places)
        await datasette.invoke_startup()
        return datasette

    def __enter__(self) -> Pages:
        return self

    def __exit__(self, *_: object) -> None:
        self.datasette.close()
        self.loop.close()

    def median(self, path: str) -> tuple[float, int]:
        """Seconds and bytes."""

        def ask() -> int:
            response = self.loop.run_until_complete(self.datasette.client.get(path, actor=OWNER))
            if response.status_code != 200:
                raise RuntimeError(f"{path}: {response.status_code}")
            return len(response.content)

        ask()
        return median(ask, RUNS)


def median(work: Callable[[], int], runs: int) -> tuple[float, int]:
    """Seconds, and what the last run returned."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - began)
    return statistics.median(times), found


def places_in(home: Path) -> Places:
    home.mkdir()
    return Places(str(home), str(home / "procy.db"), str(home / "spool"), str(home / "config.toml"))


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    run(*(int(number) for number in sys.argv[1:]))
