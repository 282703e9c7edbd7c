"""A database as large as years of work make it, and what each page costs on one. ``python -m bench scale [turns …]``

Beside the figures stand those of the first procy's pages (its own measurements, on the same machine, of one session of 100 and
of 10,000 turns: research/seed-procy.md 3.4), which send a session whole at every poll.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.corpus import START_NS, TURN_BYTES, WORDS, Prose, make_session, make_turn
from bench.pages import Pages, ms, places_in
from bench.table import table
from procy import ids
from procy.places import Places
from procy.store import write
from procy.store.db import open_reader, open_writer

SIZES = (100, 10_000, 200_000)
SEED = {  # page -> what the first procy's page of that name took and sent, by turns
    "sessions": {100: "2 ms", 10_000: "42 ms"},
    "conversation": {100: "9 ms, 0.9 MB", 10_000: "1.26 s, 38 MB"},
    "terminal": {100: "23 ms", 10_000: "77 ms"},
}
TRIES = 40  # of a run


def run(*sizes: int) -> None:
    rows = []
    with tempfile.TemporaryDirectory(prefix="procy-bench-") as root:
        for turns in sizes or SIZES:
            places = places_in(Path(root) / f"{turns}")
            make_database(places, turns)
            rows += figures(places, turns)
    table(
        "pages of a whole database", ("turns", "page", "server time", "size", "the first procy"), rows, "each ≤ 150 ms, ≤ 400 KB"
    )


def figures(places: Places, turns: int) -> Iterator[list[str]]:
    with Pages(places) as pages:
        for name, path in addresses(places).items():
            seconds, size = pages.median(path)
            seed = SEED.get(name, {}).get(turns, "")
            yield [f"{turns:,}", name, ms(seconds), f"{size / 1000:.0f} KB", seed]


def addresses(places: Places) -> dict[str, str]:
    """Each page that there is, at its most expensive."""
    reader = open_reader(places.db)
    long = "SELECT session_id FROM turns GROUP BY session_id ORDER BY count(*) DESC LIMIT 1"
    (session,) = reader.execute(long).fetchone()
    (turn,) = reader.execute("SELECT id FROM turns WHERE session_id = ? ORDER BY seq LIMIT 1", (session,)).fetchone()
    (one_run,) = reader.execute("SELECT id FROM runs ORDER BY started_at LIMIT 1").fetchone()
    (one_try,) = reader.execute("SELECT id FROM tries WHERE run_id = ? ORDER BY seq DESC LIMIT 1", (one_run,)).fetchone()
    reader.close()
    here = f"/-/procy/s/{session}"
    return {
        "sessions": "/-/procy", "sessions, all": "/-/procy?all=1", "sessions, recorded now": "/-/procy?live=1",
        "search, a common word": f"/-/procy/search?q={WORDS[0]}", "search, a rare word": f"/-/procy/search?q={WORDS[-1]}",
        "conversation": here, "conversation, first turns": f"{here}?after=0", "conversation, searched": f"{here}?q={WORDS[0]}",
        "terminal": f"{here}/terminal", "terminal, first turn": f"{here}/terminal?turn={turn}",
        "terminal, whole": f"{here}/terminal?whole=1", "terminal, searched": f"{here}/terminal?q={WORDS[0]}",
        "overview": "/-/procy/overview", "corrections": "/-/procy/corrections", "training": "/-/procy/training",
        "gateway": "/-/procy/gateway",
        "evolve": "/-/procy/evolve", "a run": f"/-/procy/run/{one_run}", "a try": f"/-/procy/try/{one_try}/all",
    }  # fmt: skip


def make_database(places: Places, turns: int) -> None:
    """A tenth of the turns, at most 10,000, in one session with a terminal, the others before, in sessions of 1 to 400."""
    connection = open_writer(places.db)
    connection.execute("PRAGMA synchronous = OFF")
    first = max(min(turns // 10, 10_000), min(turns, 60))
    make_session(connection, first, seed=1, words=60, tools=2, name="the longest")
    prose = Prose(2)
    with write.transaction(connection):
        (session,) = connection.execute("SELECT id FROM sessions").fetchone()
        for place in range(1, first + 1):
            write.add_terminal_text(connection, session, place * TURN_BYTES, prose.words(300), mask=str)
    left, number = turns - first, 1
    while left > 0:
        number += 1
        count = min(left, int(prose.random.paretovariate(1.0) * 12), 400)
        small_session(connection, prose, number, count)
        left -= count
    make_runs(connection, max(turns // 1000, 1), prose)
    connection.execute("ANALYZE") if turns > 100_000 else None
    connection.commit()
    connection.close()


def small_session(connection: sqlite3.Connection, prose: Prose, number: int, turns: int) -> None:
    started = START_NS - number * 7_200_000_000_000
    session = ids.derived_id(started, "scale", str(number))
    values = {"agent": prose.random.choice(("claude-code", "codex", "gemini-cli")), "cwd": f"/home/you/{prose.words(1)}",
              "name": prose.words(2), "branch": "main", "status": "recording" if number % 1000 == 7 else "ended",
              "started_at": write.iso(started)}  # fmt: skip
    with write.transaction(connection):
        write.put_session(connection, session, values)
        for seq in range(turns):
            at = started + seq * 60_000_000_000
            turn = replace(make_turn(prose, seq, at, 30, 1), key=f"{number} {seq}", reasoning="")
            write.put_turn(connection, session, turn, mask=str, cost=0.01)
        write.add_terminal_text(connection, session, 4000, prose.words(300), mask=str)


def make_runs(connection: sqlite3.Connection, runs: int, prose: Prose) -> None:
    """Runs of ``TRIES`` tries each, as the loop writes them."""
    metrics = [{"name": "p95", "direction": "minimize", "unit": "ms", "kind": "time", "at_least": None, "at_most": None}]
    definition = json.dumps({"name": "bench", "objective": "p95", "metrics": metrics})
    with write.transaction(connection):
        connection.execute(
            "INSERT INTO evaluators (id, name, root, definition, files, sha256, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            ("BENCH", "bench", "/home/you", definition, "{}", "0" * 64, write.iso(START_NS)),
        )
        for number in range(runs):
            started = START_NS - number * 3_600_000_000_000
            run_id = ids.derived_id(started, "scale run", str(number))
            connection.execute(
                "INSERT INTO runs (id, evaluator_id, strategy, proposer, goal, budget, options, root, base_sha, status, "
                "started_at) VALUES (?, 'BENCH', 'stall', 'model', ?, '{}', '{}', '/home/you', ?, 'done', ?)",
                (run_id, prose.words(12), "0" * 40, write.iso(started)),
            )
            for seq in range(TRIES):
                one = ids.derived_id(started, "scale try", f"{number} {seq}")
                parent = ids.derived_id(started, "scale try", f"{number} 0") if seq else None
                score = -60 + seq * 0.5 + prose.random.random()
                connection.execute(
                    "INSERT INTO tries (id, run_id, seq, parent_id, step, prompt, prompt_source, commit_sha, status, score, "
                    "metrics, decision, started_at, ended_at) VALUES (?, ?, ?, ?, 'done', ?, 'model', ?, 'ok', ?, ?, ?, ?, ?)",
                    (one, run_id, seq, parent, prose.words(80), f"{seq:040d}", score, json.dumps({"p95": -score}),
                     "kept" if seq % 3 == 0 else "reverted", write.iso(started), write.iso(started + 1)),
                )  # fmt: skip


if __name__ == "__main__":
    run(*(int(number) for number in sys.argv[1:]))
