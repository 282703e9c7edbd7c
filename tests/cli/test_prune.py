"""`procy prune`: the raw of old sessions goes, what one looks at stays."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Lab, wait_until


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two ended sessions with some noise in them, the first 100 days old, and one that is being recorded."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.start()
    for number, name in enumerate(("old", "new"), 1):
        spool = lab.record("--name", name)
        lab.type(f"head -c 400000 /dev/urandom | base64; echo {name} is done")
        lab.until_turns(number)
        lab.procy("record", "off", inside=True)
        lab.until_ended(spool.session_id)
        wait_until(lambda spool=spool: not spool.path.exists(), what="the spool to be removed")
    lab.procy("rebuild", "--all")  # a burst leaves no screens behind while it is recorded
    lab.record("--name", "live")
    lab.type("echo live")
    lab.until_turns(3)
    connection = sqlite3.connect(lab.places.db)
    connection.execute(
        "UPDATE sessions SET ended_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-100 days'), "
        "started_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-101 days') WHERE name = 'old'"
    )
    connection.commit()
    connection.close()
    yield lab
    lab.stop()


def blocks(lab: Lab) -> dict[str, int]:
    rows = lab.rows("SELECT name, (SELECT count(*) FROM terminal_blocks WHERE session_id = sessions.id) AS n FROM sessions")
    return {str(row["name"]): int(str(row["n"])) for row in rows}


def test_prune(full: Lab) -> None:
    """One story: what would go, the old one, then by size; turns and searches stay."""
    turns = full.rows("SELECT id, prompt, response FROM turns WHERE status = 'done' ORDER BY id")
    planned = json.loads(full.procy("prune", "--older", "90d", "--dry-run", "--json").stdout)
    assert [one["name"] for one in planned["sessions"]] == ["old"] and planned["sessions"][0]["bytes"] > 300_000
    assert planned["size_after"] is None and blocks(full)["old"]

    spool = Path(full.places.spool) / planned["sessions"][0]["id"]  # as it is until the sidecar has cleared it
    spool.mkdir()
    (spool / "meta.json").write_text("{}")
    assert json.loads(full.procy("prune", "--older", "90d", "--json").stdout)["sessions"] == []
    (spool / "meta.json").unlink()
    spool.rmdir()

    size = os.path.getsize(full.places.db)
    done = full.procy("prune", "--older", "90d")
    assert "old" in done.stdout and "dropped" in done.stderr and "of 1 session;" in done.stderr
    assert os.path.getsize(full.places.db) < size - 300_000
    assert not blocks(full)["old"] and blocks(full)["new"]
    assert full.rows("SELECT pruned_at FROM sessions WHERE name = 'old'")[0]["pruned_at"]

    assert full.rows("SELECT id, prompt, response FROM turns WHERE status = 'done' ORDER BY id") == turns
    full_rebuild = full.procy("rebuild", "--all").stderr
    assert "rebuilt 1 session" in full_rebuild and "1 being recorded left alone; 1 pruned left alone" in full_rebuild
    assert full.rows("SELECT id, prompt, response FROM turns WHERE status = 'done' ORDER BY id") == turns
    assert "old is done" in full.procy("show", "old").stdout
    assert full.procy("search", "-t", "-s", "old", "done").stdout
    assert full.rows("SELECT 1 FROM keyframes JOIN sessions ON sessions.id = session_id WHERE name = 'old'")

    done = full.procy("prune", "--max-size", "1kB")
    assert "that is more than 1 kB" in done.stderr
    assert not blocks(full)["new"], "by size the oldest go first, until all are gone that may"
    full.type("echo still recorded")
    full.until_turns(4)
    assert json.loads(full.procy("prune", "--older", "1min", "--json").stdout)["sessions"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--older", "90"), "'90' is no duration: a number with one of min, h, d, w, y, as in 90d"),
        (("--older", "x d"), "is no duration"),
        (("--max-size", "5"), "as in 5GB"),
        (("--max-size", "-1GB"), "is no size"),
    ],
)
def test_amounts_need_units(lab: Lab, arguments: tuple[str, ...], words: str) -> None:
    done = lab.procy("prune", *arguments, check=False)
    assert done.returncode == 2 and words in " ".join(done.stderr.split())


def test_a_database_in_use_is_said_to_keep_its_size(full: Lab, tmp_path: Path) -> None:
    holder = sqlite3.connect(full.places.db, isolation_level=None)
    holder.execute("CREATE TABLE ballast AS SELECT randomblob(100000)")
    holder.execute("DROP TABLE ballast")
    holder.execute("BEGIN")
    holder.execute("SELECT count(*) FROM turns").fetchone()
    try:
        done = full.procy("prune", check=False)
    finally:
        holder.close()
    assert done.returncode == 1 and "When no other program uses it, run: procy prune" in done.stderr
    assert full.procy("prune").returncode == 0
