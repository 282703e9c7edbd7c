"""The crontab of a stand-in: the user's own is never touched by a test."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from procy.errors import ConfigError
from procy.learn import cron
from procy.store.db import open_writer
from tests.conftest import Lab

STAND_IN = """#!/bin/sh
table="{table}"
case "$1" in
-l) if [ -f "$table" ]; then cat "$table"; else echo "no crontab for you" >&2; exit 1; fi ;;
-) cat > "$table" ;;
esac
"""
OTHERS = "MAILTO=me\n# mine\n5 4 * * * backup --all 100%\n*/5 * * * * ping # procy is not meant"


@pytest.fixture
def table(lab: Lab) -> Path:
    folder = lab.root / "bin"
    folder.mkdir()
    program = folder / "crontab"
    program.write_text(STAND_IN.format(table=lab.root / "table"))
    program.chmod(0o755)
    lab.environment["PATH"] = f"{folder}:{lab.environment['PATH']}"
    open_writer(lab.places.db).close()
    return lab.root / "table"


def test_our_line_comes_changes_and_goes_and_all_others_stay(lab: Lab, table: Path) -> None:
    table.write_text(OTHERS)
    lab.procy("cron", "install")
    first = table.read_text()
    assert first.startswith(OTHERS + "\n17 3 * * * PROCY_HOME=") and first.count("\n") == OTHERS.count("\n") + 2
    lab.procy("cron", "install", "--schedule", "*/10 * * * *", "--out", "data 100%")
    second = table.read_text()
    assert second.startswith(OTHERS + "\n*/10 * * * * ") and second.count("export all") == 1 and r"data 100\%" in second
    assert json.loads(lab.procy("cron", "status", "--json").stdout)["line"] == second.splitlines()[-1]
    lab.procy("cron", "remove")
    assert table.read_text() == OTHERS + "\n"
    assert "no line of procy" in lab.procy("cron", "remove").stderr


def test_the_line_runs_in_crons_bare_environment(lab: Lab, table: Path) -> None:
    lab.procy("cron", "install", "--out", "data")
    line = table.read_text().strip().replace(r"\%", "%").split(" ", 5)[5]
    bare = {"HOME": str(lab.root), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "you"}
    done = subprocess.run(["/bin/sh", "-c", line], env=bare, cwd="/", capture_output=True, text=True, timeout=60)
    log = Path(lab.places.home, "cron.log").read_text()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), log
    assert "nothing is new" in log
    assert list((lab.work / "data").iterdir()) == [], "no folder where nothing is new"


def test_without_cron_it_is_said(lab: Lab) -> None:
    kept, lab.environment["PATH"] = lab.environment["PATH"], str(lab.root)
    done = lab.procy("cron", "status", check=False)
    lab.environment["PATH"] = kept
    assert done.returncode == 1 and "apt install cron" in done.stderr


@pytest.mark.parametrize("text", ["sometimes", "* * * *", "17 3 * * *; rm -rf /", "$(date)", "17 3 * * * x"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no schedule"):
        cron.schedule_of(text)


def test_a_crontab_that_is_no_utf8_stays_what_it_is(lab: Lab, table: Path) -> None:
    table.write_bytes(b"# caf\xe9\n1 2 * * * run\n")
    lab.procy("cron", "install")
    lab.procy("cron", "remove")
    assert table.read_bytes() == b"# caf\xe9\n1 2 * * * run\n"
    assert os.listdir(lab.root)
