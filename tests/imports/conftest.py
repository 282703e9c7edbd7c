"""A database to import into, and what is in it afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from procy.cli import cli
from procy.places import Places, make_home
from procy.recording.rebuild import rebuild
from procy.settings import Settings
from procy.store.db import open_writer
from tests.conftest import empty_database

RECORDINGS = Path(__file__).parent.parent / "recordings"
TABLES = (
    "sessions", "turns", "tool_calls", "turn_files", "transcripts", "transcript_sessions", "transcript_lines",
    "transcript_files", "terminal_blocks", "terminal_texts", "keyframes", "pane_events", "corrections",
    "evaluations", "injections",
)  # fmt: skip


class Desk:
    """A data directory of its own; commands run in this process."""

    def __init__(self, root: Path) -> None:
        home = root / "home"
        self.places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(root / "config.toml"))
        make_home(self.places)
        shutil.copy(empty_database(), self.places.db)
        self.connection = open_writer(self.places.db)
        self.kept = root / "kept"
        self.kept.mkdir()

    def run(self, *arguments: object, code: int = 0) -> Result:
        done = CliRunner().invoke(cli, [*map(str, arguments)])
        assert done.exit_code == code, (done.output, done.exception)
        return done

    def told(self, *arguments: object) -> str:
        return self.run("import", *arguments).stderr

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, values).fetchall()

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row but the numbers that only the index needs."""
        found = {table: self.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TABLES}
        columns = [row[1] for row in self.rows("PRAGMA table_info(turns)") if row[1] != "n"]
        return {**found, "turns": self.rows(f"SELECT {', '.join(columns)} FROM turns ORDER BY id")}

    def rebuild(self) -> None:
        for (key,) in self.rows("SELECT id FROM sessions"):
            rebuild(self.connection, key, Settings())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    for name, value in desk.places.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(desk.kept))
    monkeypatch.setenv("CODEX_HOME", str(desk.kept))
    return desk
