"""Nothing that reached the spool is lost or doubled, whatever dies; and the next start needs no help."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import threading
import time
from contextlib import suppress

import psutil
import pytest

from procy.capture.spool import Spool
from tests.conftest import Lab, wait_until

pytestmark = pytest.mark.faults
LINES = 60000
LOAD = f"for i in $(seq 1 {LINES // 100}); do seq $((i * 100 - 99)) $((i * 100)) | sed 's/$/ some text to make it longer/'; done"


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_while(lab: Lab, spool: Spool, victims: str, count: int, until: threading.Event) -> list[str]:
    """``kill -9`` tap, sidecar or both at random moments until the load is over."""
    chance = random.Random(7)
    killed: list[str] = []
    while not until.is_set() and len(killed) < count:
        time.sleep(chance.random() * 0.25)
        if victims in ("tap", "both") and (state := spool.state()):
            kill(state.pid)
            killed.append("tap")
        if victims in ("sidecar", "both") and (pid := lab.sidecar_pid()):
            kill(pid)
            killed.append("sidecar")
            lab.procy("sessions")  # the next command starts it again
    return killed


@pytest.mark.parametrize("victims", ["tap", "sidecar", "both"])
def test_killed_under_load_nothing_is_lost_or_doubled(shell: Lab, victims: str) -> None:
    spool = shell.record()
    over = threading.Event()
    killed: list[str] = []
    thread = threading.Thread(target=lambda: killed.extend(kill_while(shell, spool, victims, 40, over)))
    thread.start()
    shell.type(f"{LOAD}; echo all''done")
    shell.wait_for("alldone\n", 60)
    over.set()
    thread.join()
    least = 2 if victims == "sidecar" else 4  # which takes a command's time to start again
    assert len(killed) >= least, killed
    wait_until(lambda: shell.sidecar_pid(), 20, "the sidecar was started again by the tap's loop")
    shell.procy("record", "off", inside=True)
    assert shell.until_ended(spool.session_id, 30) == "ended"
    data = shell.recorded(spool.session_id)
    body = data.split(b"all''done")[-1].split(b"alldone")[0]
    numbers = [int(number) for number in re.findall(rb"(\d+) some text", body)]
    assert numbers == list(range(1, LINES + 1))
    assert body.count(b"some text to make it longer") == LINES
    turns = [turn for turn in shell.turns() if "alldone" in str(turn["response"])]
    assert len(turns) == 1


def test_tap_and_its_loop_killed_leaves_a_marked_gap_and_a_fresh_screen(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo before")
    shell.until_turns(1)
    state = spool.state()
    assert state
    loop = psutil.Process(state.pid).ppid()
    kill(loop)
    kill(state.pid)
    shell.type("echo unseen")
    wait_until(lambda: shell.rows("SELECT 1 FROM pane_events WHERE kind = 'gap'"), 15)
    gap = shell.rows("SELECT detail, screen FROM pane_events WHERE kind = 'gap'")[0]
    assert json.loads(str(gap["detail"]))["cause"] == "the tap was killed"
    assert gap["screen"]
    shell.type("echo after")
    wait_until(lambda: "echo after" in [turn["prompt"] for turn in shell.turns()])


def test_another_tool_takes_the_pipe_and_gives_it_back(shell: Lab) -> None:
    shell.record()
    shell.type("echo before")
    shell.until_turns(1)
    shell.tmux("pipe-pane", "-t", shell.pane, "cat >/dev/null # othertool")
    shell.type("echo theirs")
    wait_until(lambda: "not recorded: another tool pipes the pane" in shell.option("@procy_reason"))
    shell.tmux("pipe-pane", "-t", shell.pane)
    wait_until(lambda: shell.rows("SELECT 1 FROM pane_events WHERE kind = 'gap'"), 15)
    cause = json.loads(str(shell.rows("SELECT detail FROM pane_events WHERE kind = 'gap'")[0]["detail"]))["cause"]
    assert cause.startswith("another tool pipes the pane:") and "othertool" in cause
    shell.type("echo after")
    wait_until(lambda: "echo after" in [turn["prompt"] for turn in shell.turns()])


def test_respawned_pane_goes_on(shell: Lab) -> None:
    shell.record()
    shell.type("echo before")
    shell.until_turns(1)
    shell.tmux("respawn-pane", "-k", "-t", shell.pane, "bash --norc --noprofile")
    wait_until(lambda: shell.rows("SELECT 1 FROM pane_events WHERE kind = 'respawn'"))
    shell.wait_for("bash-")
    shell.type("echo after")
    wait_until(lambda: "echo after" in [turn["prompt"] for turn in shell.turns()])


def test_killed_tmux_server_ends_the_session(shell: Lab) -> None:
    spool = shell.record()
    shell.type("seq 1 5000; echo last''words")
    shell.wait_for("lastwords")
    shell.tmux("kill-server")
    assert shell.until_ended(spool.session_id) == "ended"
    assert b"lastwords" in shell.recorded(spool.session_id)
    assert "the tmux server is gone" in shell.log()


def test_everything_killed_at_once_is_found_by_the_next_command(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo first; seq 1 3000; echo last''words")
    shell.wait_for("lastwords")
    wait_until(lambda: b"lastwords" in spool.segment(1, "raw").read_bytes())
    state, server = spool.state(), int(shell.option("pid"))
    assert state
    for pid in (shell.sidecar_pid(), state.pid, server):
        kill(pid)
    time.sleep(0.5)
    assert not shell.sidecar_pid()
    shell.procy("sessions")
    assert shell.until_ended(spool.session_id) in ("ended", "lost")
    assert b"3000\r\nlastwords" in shell.recorded(spool.session_id)


def test_locked_database_delays_rows_and_loses_none(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo one")
    shell.until_turns(1)
    lock = sqlite3.connect(shell.places.db, timeout=5)
    lock.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    shell.type("echo two")
    while time.monotonic() - began < 20:
        shell.type("echo more")
        time.sleep(1)
    assert [turn["prompt"] for turn in shell.turns()] == ["echo one"]
    lock.rollback()
    lock.close()
    wait_until(lambda: "echo two" in [turn["prompt"] for turn in shell.turns()], 20)
    shell.type("echo three")
    wait_until(lambda: "echo three" in [turn["prompt"] for turn in shell.turns()], 20)
    prompts = [turn["prompt"] for turn in shell.turns()]
    assert len(prompts) == len({turn["id"] for turn in shell.turns()})
    assert prompts[:2] == ["echo one", "echo two"] and prompts[-1] == "echo three"
    shell.procy("record", "off", inside=True)
    assert shell.until_ended(spool.session_id) == "ended"


def test_a_damaged_block_keeps_no_other_session_from_being_recorded(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo before")
    shell.until_turns(1)
    shell.procy("record", "off", inside=True)
    shell.until_ended(spool.session_id)
    with sqlite3.connect(shell.places.db) as connection:
        guards = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'terminal_blocks'")
        for (trigger,) in guards.fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE terminal_blocks SET bytes = zeroblob(length(bytes)), screen = zeroblob(length(screen))")
    shell.procy("record", "--resume", spool.session_id, inside=True, check=False)
    wait_until(lambda: "cannot be followed: recorded bytes in the database are damaged" in shell.log(), 30)
    pane = shell.tmux("new-window", "-d", "-P", "-F", "#{pane_id}", "bash --norc --noprofile").strip()
    shell.procy("record", "-t", pane, inside=True)
    shell.tmux("send-keys", "-t", pane, "echo beside", "Enter")
    wait_until(lambda: any("echo beside" in str(turn["prompt"]) for turn in shell.turns()), 30)
