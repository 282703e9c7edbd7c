"""``make demo`` without a terminal: what it prints, what it recorded, that nothing stays behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest

from procy.demo.script import PROMPTS
from procy.demo.task import load_task
from procy.store.db import open_reader
from tests.conftest import wait_until


def demo(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command, with a temporary directory and a configuration of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TMUX", "PROCY"))}
    environment = {**kept, "TMPDIR": str(tmp_path), "PROCY_HOME": str(tmp_path / "not mine")}
    return subprocess.Popen(
        [sys.executable, "-m", "procy", "demo", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def leftovers(place: Path) -> list[str]:
    """Processes that have the place in their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if any(str(place) in word for word in command):
            found.append(" ".join(command))
    return found


def test_the_demo_records_what_it_shows(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with demo(tmp_path, "--no-ui", "--seconds", "0", "--keep", str(kept)) as process:
        shown, said = process.communicate(timeout=110)
    assert process.returncode == 0, said
    for prompt in PROMPTS:
        assert prompt in shown and f"❯ {prompt}" in said
    assert (kept / "work" / "wordcount.py").exists()
    with open_reader(str(kept / "procy" / "procy.db")) as connection:
        turns = connection.execute("SELECT prompt, status, source FROM turns WHERE origin = 'human' ORDER BY seq").fetchall()
        assert [tuple(turn) for turn in turns] == [(prompt, "done", "transcript") for prompt in PROMPTS]
        asked = "FROM {} JOIN turns ON turns.id = turn_id WHERE origin = 'human'"
        assert connection.execute(f"SELECT count(*) {asked.format('tool_calls')}").fetchone()[0] == 8
        assert {Path(row[0]).name for row in connection.execute(f"SELECT path {asked.format('turn_files')}")} == {
            "wordcount.py",
            "test_wordcount.py",
        }
        assert {row[0] for row in connection.execute("SELECT status FROM sessions")} == {"ended"}
        first = connection.execute("SELECT text FROM terminal_texts ORDER BY offset LIMIT 1").fetchone()
    assert first is not None
    assert_three_tries(kept, shown, said)
    wait_until(lambda: not leftovers(kept), what=f"no process left: {leftovers(kept)}")
    assert not (tmp_path / "not mine").exists(), "the user's own data directory is not touched"


def assert_three_tries(kept: Path, shown: str, said: str) -> None:
    """Some of them better and some not, told while they are made and in the end; the scratch files stay as they were."""
    with open_reader(str(kept / "procy" / "procy.db")) as connection:
        assert [tuple(run) for run in connection.execute("SELECT status, proposer, mode FROM runs")] == [
            ("done", "template", "lanes")
        ]
        tries = connection.execute("SELECT seq, decision, score, status FROM tries ORDER BY seq").fetchall()
    decisions = [row["decision"] for row in tries]
    assert len(tries) == 4 and "kept" in decisions[1:] and "reverted" in decisions, [tuple(row) for row in tries]
    assert max(row["score"] for row in tries if row["decision"] == "kept") > tries[0]["score"]
    for row in tries[1:]:
        assert f"try {row['seq']} {row['decision']}: correct {row['score']:g}" in said
        assert f"{row['decision']}:" in shown
    assert "procy evolve apply best" in shown
    assert load_task("wordcount").applied(kept / "work") == frozenset()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_shows_pages_until_it_is_stopped(tmp_path: Path, how: signal.Signals) -> None:
    with demo(tmp_path, "--port", "0", "--tries", "0") as process:
        assert process.stdout is not None
        link = next(line for line in process.stdout if line.startswith("http://127.0.0.1"))
        with pytest.raises(HTTPError) as refused:
            urlopen(re.sub(r"/-/procy.*", "/-/procy", link.strip()))
        assert refused.value.code == 403, "nobody looks without the link"
        process.send_signal(how)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 0, said
    assert not list(tmp_path.glob("procy-demo-*")), "everything is removed"
    wait_until(lambda: not leftovers(tmp_path), what=f"no process left: {leftovers(tmp_path)}")
