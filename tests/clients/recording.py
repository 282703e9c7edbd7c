"""A real client recorded by procy: the same driver, with ``procy record --`` before the client's command."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from procy.parse.terminal import TerminalReader
from procy.places import Places
from procy.recording.replay import stored_events
from procy.recording.terminal import TerminalLog
from procy.store.db import open_reader
from tests.clients.driver import PATIENCE, Driver
from tests.clients.homes import Home


def recorded(home: Home, *options: str) -> Home:
    """The home with a client that starts itself under ``procy record``."""
    data = home.path.parent / "procy"
    command = (sys.executable, "-m", "procy", "record", *options, "--", *home.command)
    return dataclasses.replace(
        home, command=command, env=home.env | {"PROCY_HOME": str(data), "PROCY_CONFIG": str(data / "config.toml")}
    )


def begin_recording(home: Home, driver: Driver) -> None:
    """``procy record`` in the driver's pane, on what runs there; ``home`` is a recorded one."""
    environment = home.env | {"TMUX": f"{driver.socket},1,0", "TMUX_PANE": driver.pane}
    subprocess.run([sys.executable, "-m", "procy", "record"], env=environment, check=True, capture_output=True)


class Recording:
    """What procy has of a recorded home."""

    def __init__(self, home: Home) -> None:
        data = home.path.parent / "procy"
        self.home = home
        self.places = Places(str(data), str(data / "procy.db"), str(data / "spool"), str(data / "config.toml"))

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with open_reader(self.places.db) as connection:
            return connection.execute(sql, values).fetchall()

    def turns(self, kind: str = "prompt") -> list[sqlite3.Row]:
        """Turns of the conversation itself, not of its helpers, by time."""
        return self.rows(
            "SELECT turns.* FROM turns JOIN sessions ON sessions.id = turns.session_id "
            "WHERE kind = ? AND (parent_id IS NULL OR pane_id IS NOT NULL) ORDER BY turns.started_at, turns.seq",
            kind,
        )

    def outputs(self) -> list[str]:
        """What shell tools printed, in the order of the calls; calls that were refused or cut short have none."""
        rows = self.rows(
            "SELECT result FROM tool_calls JOIN turns ON turns.id = turn_id JOIN sessions ON sessions.id = session_id "
            "WHERE tool_calls.name IN ('Bash', 'exec_command', 'bash', 'run_shell_command') AND tool_calls.status = 'ok' "
            "AND (parent_id IS NULL OR pane_id IS NOT NULL) AND tool_calls.result NOT LIKE 'Success. Updated%' "
            "ORDER BY turns.started_at, tool_calls.seq"
        )
        return ["" if row[0] == "(Bash completed with no output)" else row[0] for row in rows]

    def until(self, sql: str, *values: object, seconds: float = 60.0) -> sqlite3.Row:
        end = time.monotonic() + seconds * PATIENCE
        while True:
            with suppress(Exception):
                if rows := self.rows(sql, *values):
                    return rows[0]
            if time.monotonic() > end:
                log = Path(self.places.sidecar_log)
                raise AssertionError(f"not within {seconds} s: {sql}\n{log.read_text() if log.exists() else ''}")
            time.sleep(0.05)

    def until_turns(self, count: int, seconds: float = 60.0) -> list[sqlite3.Row]:
        """Wait for so many prompts that were answered, failed or interrupted."""
        self.until(
            "SELECT 1 FROM turns JOIN sessions ON sessions.id = session_id WHERE kind = 'prompt' AND turns.status != 'open' "
            "AND (parent_id IS NULL OR pane_id IS NOT NULL) GROUP BY 1 HAVING count(*) >= ?",
            count,
            seconds=seconds,
        )
        return self.turns()

    def procy(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "procy", *arguments], env=self.environment(), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PROCY_HOME": self.places.home, "PROCY_CONFIG": self.places.config}

    def stop(self) -> None:
        with suppress(OSError, ValueError):
            os.kill(int(Path(self.places.sidecar_lock).read_text()), signal.SIGKILL)


def state(driver: Driver) -> tuple[str, str]:
    """State and reason as tmux shows them."""
    state, _, reason = driver.show("#{@procy_state}\t#{@procy_reason}").partition("\t")
    return state, reason


SCREEN: dict[str, list[tuple[str, int, int, int]]] = {}


def measure_screen(recording: Recording, script: str) -> None:
    """The same bytes through the generic profile; only measured, and printed at the end by ``conftest.py``."""
    with open_reader(recording.places.db) as connection:
        truth = recording.turns()
        session = connection.execute("SELECT id FROM sessions WHERE pane_id IS NOT NULL ORDER BY started_at LIMIT 1").fetchone()[
            0
        ]
        events = stored_events(connection, session)
        reader = TerminalReader(next(event.picture for event in events if event.picture))
        reader.foreground(False, True, "agent")
        reads = list(TerminalLog(connection, recording.places.spool, session).reads())
    for read in reads:
        reader.feed(read)
    reader.rest(reads[-1].time_ns + 60_000_000_000)
    seen = {turn.key: turn for turn in reader.changed()}.values()
    prompts = [plain(turn.prompt) for turn in seen]
    found = sum(plain(turn["prompt"]) in prompts for turn in truth)
    answers = sum(any(turn["response"] and plain(turn["response"]) in plain(one.response) for one in seen) for turn in truth)
    SCREEN.setdefault(recording.home.client, []).append((script, len(truth), found, answers))


def plain(text: str) -> str:
    return " ".join(text.replace("`", "").replace("*", "").replace("#", "").split())
