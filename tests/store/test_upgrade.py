"""A database of each earlier schema becomes one of today's, with everything that was in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from procy.parse.redact import mask
from procy.store import db as module
from procy.store import write
from procy.store.db import iso, open_reader, open_writer, schema_version
from tests.conftest import empty_database
from tests.store.test_store import NOW, turn

SESSION = "S" * 26


def made_by(version: int, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database as the procy with that schema left it, with one session, a prompt and a tool call in the columns of then."""
    files = [(name, script) for name, script in module.schema_files() if int(name[:4]) <= version]
    with monkeypatch.context() as then:
        then.setattr(module, "schema_files", lambda: files)
        then.setattr(module, "schema_version", lambda: version)
        then.setattr(module, "view_files", list)
        with closing(open_writer(path)) as connection:
            connection.execute("INSERT INTO sessions (id, agent, started_at) VALUES (?, 'codex', ?)", (SESSION, iso(NOW)))
            connection.execute(
                "INSERT INTO turns (id, session_id, seq, kind, prompt, response, status, source, started_at) "
                "VALUES ('T1', ?, 1, 'prompt', 'an old question', 'an old answer', 'done', 'transcript', ?)",
                (SESSION, iso(NOW)),
            )
            connection.execute("INSERT INTO tool_calls (id, turn_id, seq, name, status) VALUES ('C1', 'T1', 1, 'Bash', 'ok')")
            connection.execute("INSERT INTO turns_fts (rowid, prompt, response) SELECT n, prompt, response FROM turns")


def shape(connection: sqlite3.Connection) -> dict[str, set[tuple[str, ...]]]:
    """Tables with their columns, and what else there is by name."""
    names = connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE '_sqlite%' AND name NOT LIKE 'sqlite_%'")
    return {
        f"{kind} {name}": {tuple(map(str, row[1:])) for row in connection.execute(f'PRAGMA table_info("{name}")')}
        for kind, name in names.fetchall()
    }


@pytest.mark.parametrize("version", range(1, schema_version()))
def test_an_earlier_database_becomes_todays(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "old.db")
    made_by(version, path, monkeypatch)
    with closing(open_reader(path)) as connection:  # whoever opens it first, brings it up to date
        assert connection.execute("PRAGMA user_version").fetchone()[0] == schema_version()
        assert [tuple(row) for row in connection.execute("SELECT prompt, response, status FROM turns")] == [
            ("an old question", "an old answer", "done")
        ]
        assert [row[0] for row in connection.execute("SELECT name FROM tool_calls")] == ["Bash"]
        assert connection.execute("SELECT count(*) FROM turns_fts WHERE turns_fts MATCH 'question'").fetchone()[0] == 1
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        with closing(open_reader(str(empty_database()))) as new:
            assert shape(connection) == shape(new)
    with closing(open_writer(path)) as connection, write.transaction(connection):
        write.put_turn(connection, SESSION, turn("two"), mask, None)
        assert connection.execute("SELECT count(*) FROM turns").fetchone()[0] == 2
