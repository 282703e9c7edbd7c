"""``procy record`` on a real tmux: what happens in a pane arrives in the database."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import Lab, wait_until


def test_commands_of_a_shell_become_turns(shell: Lab) -> None:
    shell.record()
    shell.type("echo hello")
    shell.type("printf 'no newline'; false")
    turns = shell.until_turns(2)
    assert [(turn["prompt"], turn["response"]) for turn in turns] == [
        ("echo hello", "hello"),
        ("printf 'no newline'; false", "no newline"),
    ]
    assert {turn["source"] for turn in turns} == {"screen"}


def test_recorded_bytes_are_what_the_pane_got(shell: Lab) -> None:
    Path(shell.places.db).unlink()  # the first start makes it
    spool = shell.record()
    shell.type("seq 1 20000; echo over''")
    shell.wait_for("over\n")
    shell.procy("record", "off", inside=True)
    assert shell.until_ended(spool.session_id) == "ended"
    data = shell.recorded(spool.session_id)
    numbers = data.split(b"over''")[-1].split(b"over")[0].split()
    assert [int(number) for number in numbers if number.isdigit()] == list(range(1, 20001))


def test_state_is_exact_for_what_only_looks_idle(shell: Lab) -> None:
    """A tool that prints ``$`` or ``100%`` and pauses is busy; the shell's own prompt is idle."""
    shell.record()
    wait_until(lambda: shell.option("@procy_state") == "idle")
    shell.type('sh -c \'printf "50%%\\n100%%"; sleep 1.5; printf "\\ncost 5 $ "; sleep 1.5; echo\'')
    wait_until(lambda: shell.option("@procy_state") == "busy")
    began = time.monotonic()
    wait_until(lambda: shell.option("@procy_state") == "idle")
    assert time.monotonic() - began > 2.0
    turns = shell.until_turns(1)
    assert turns[0]["response"] == "50%\n100%\ncost 5 $"


def test_a_pane_is_recorded_once(shell: Lab) -> None:
    shell.record()
    assert "recorded already" in shell.procy("record", inside=True).stderr
    assert len(shell.rows("SELECT * FROM sessions")) == 1


def test_another_tools_pipe_is_refused_with_its_name_and_taken_over_with_steal(shell: Lab) -> None:
    shell.tmux("pipe-pane", "-t", shell.pane, "cat > /dev/null; # loggingtool")
    refused = shell.procy("record", check=False, inside=True)
    assert refused.returncode == 1
    assert "loggingtool" in refused.stderr and "--steal" in refused.stderr
    shell.record("--steal")
    shell.type("echo taken over")
    assert shell.until_turns(1)[0]["response"] == "taken over"


def test_pause_keeps_nothing_and_leaves_a_gap(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo before")
    shell.until_turns(1)
    shell.procy("pause", inside=True)
    wait_until(lambda: shell.rows("SELECT 1 FROM sessions WHERE status = 'paused'"))
    shell.type("echo secret")
    shell.wait_for("secret\n$")
    shell.procy("pause", inside=True)
    wait_until(lambda: shell.rows("SELECT 1 FROM sessions WHERE status = 'recording'"))
    shell.type("clear; echo after")
    turns = shell.until_turns(2)
    assert [turn["prompt"] for turn in turns] == ["echo before", "clear; echo after"]
    gaps = shell.rows("SELECT detail, screen FROM pane_events WHERE kind = 'gap'")
    assert [json.loads(str(gap["detail"]))["cause"] for gap in gaps] == ["recording was paused"]
    assert gaps[0]["screen"]
    shell.procy("record", "off", inside=True)
    shell.until_ended(spool.session_id)
    assert b"echo secret" not in shell.recorded(spool.session_id)


def test_resize_is_recorded_with_the_bytes(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo narrow")
    shell.until_turns(1)
    shell.tmux("resize-window", "-t", shell.pane, "-x", "60", "-y", "20")
    shell.type("echo wide")
    shell.until_turns(2)
    shell.procy("record", "off", inside=True)
    shell.until_ended(spool.session_id)
    cast = [json.loads(line) for line in shell.procy("export", "cast", spool.session_id).stdout.splitlines()]
    assert cast[0]["term"]["cols"] == 100
    assert [event[2] for event in cast[1:] if event[1] == "r"] == ["60x20"]


def test_started_agent_is_the_panes_foreground_program_and_recorded_whole(shell: Lab) -> None:
    """``procy record -- COMMAND`` becomes the command: same pid, its name, every byte, its exit status."""
    agent = shell.work / "fake-agent"
    shutil.copy("/bin/bash", agent)
    shell.type(f"procy record -- {agent} -c 'echo first line; sleep 1; echo last line; exit 7'; echo status=$?")
    wait_until(lambda: shell.option("pane_current_command") == "fake-agent", what="the program's name in tmux")
    shell.wait_for("status=7")
    session = str(wait_until(lambda: shell.rows("SELECT id FROM sessions"))[0]["id"])  # type: ignore[index]
    assert shell.until_ended(session) == "ended"
    data = shell.recorded(session)
    assert b"first line" in data and b"last line" in data


def test_procy_alone_starts_the_configured_agent_with_the_pages_up(shell: Lab) -> None:
    (shell.root / "config.toml").write_text('agent = "bash --norc --noprofile -i"\n[ui]\nport = 0\n')
    shell.type(f"cd / && procy --cwd {shell.work}")
    shell.wait_for("/-/procy/sign-in?key=")
    link = re.sub(r"\s", "", shell.tmux("capture-pane", "-pJ", "-t", shell.pane).split("http://")[1].split("\n")[0])
    shell.type("pwd; echo procy=$PROCY_HOME")
    turn = shell.until_turns(1)[0]
    assert str(shell.work) in str(turn["response"])
    page = httpx.Client(follow_redirects=True).get(f"http://{link}")  # signs in once, and shows what is recorded
    assert page.status_code == 200 and "pwd; echo procy" in page.text
    shell.type("exit")
    session = str(shell.rows("SELECT id FROM sessions")[0]["id"])
    assert shell.until_ended(session) == "ended"
    assert "stopped" in shell.procy("ui", "--stop").stderr


def test_outside_tmux_a_session_is_made(lab: Lab) -> None:
    """The default server is replaced by one of the test's own through TMUX_TMPDIR."""
    lab.environment["TMUX_TMPDIR"] = str(lab.root)
    lab.environment["MARKER"] = "of the caller's shell 'quoted'"
    done = lab.procy("record", "--detached", "--", "sh", "-c", 'printf "begin $MARKER"; sleep 0.3; seq 1 3000; printf end')
    assert "in tmux session sh-" in done.stderr
    session = str(wait_until(lambda: lab.rows("SELECT id FROM sessions"))[0]["id"])  # type: ignore[index]
    assert lab.until_ended(session) == "ended"
    data = lab.recorded(session)
    assert data.startswith(b"begin of the caller's shell 'quoted'")
    assert data.endswith(b"3000\r\nend")


def test_resumed_session_goes_on_with_its_bytes_and_turns(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo one")
    shell.until_turns(1)
    shell.procy("record", "off", inside=True)
    shell.until_ended(spool.session_id)
    before = shell.recorded(spool.session_id)
    shell.procy("record", "--resume", "last", inside=True)
    wait_until(lambda: shell.rows("SELECT 1 FROM sessions WHERE status = 'recording'"))
    shell.type("echo two")
    shell.until_turns(2)
    assert len(shell.rows("SELECT id FROM sessions")) == 1
    shell.procy("record", "off", inside=True)
    shell.until_ended(spool.session_id)
    after = shell.recorded(spool.session_id)
    assert after.startswith(before) and b"two" in after[len(before) :]
    assert [turn["seq"] for turn in shell.turns()] == [1, 2]


def test_rebuild_derives_the_same_rows(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo one; seq 1 500")
    shell.type("for i in 1 2")
    shell.type("do echo $i; done")
    shell.until_turns(2)
    shell.type("python3 -q")
    shell.wait_for(">>>")
    shell.type("1 + 1")
    shell.wait_for("2\n>>>")
    shell.type("exit()")
    time.sleep(1.5)
    shell.procy("record", "off", inside=True)
    shell.until_ended(spool.session_id)
    tables = {
        "turns": "SELECT * FROM turns ORDER BY id",
        "texts": "SELECT session_id, offset, text FROM terminal_texts ORDER BY offset",
        "keyframes": "SELECT session_id, offset, columns, rows FROM keyframes ORDER BY offset",
        "activity": "SELECT * FROM activity ORDER BY at",
    }
    before = {name: [drop_n(row) for row in shell.rows(sql)] for name, sql in tables.items()}
    assert len(before["turns"]) >= 3
    shell.procy("rebuild", "last")
    after = {name: [drop_n(row) for row in shell.rows(sql)] for name, sql in tables.items()}
    assert after == before


def drop_n(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "n"}


def test_the_data_directory_is_private(shell: Lab) -> None:
    spool = shell.record()
    for path in (
        shell.places.home,
        shell.places.spool,
        shell.places.db,
        spool.path,
        spool.segment(1, "raw"),
        spool.path / "meta.json",
    ):
        assert not os.stat(path).st_mode & 0o077, path


@pytest.mark.parametrize("raw", ["keep", "redact", "drop"])
def test_raw_is_kept_redacted_or_dropped_as_configured(lab: Lab, raw: str) -> None:
    Path(lab.places.config).write_text(f'raw = "{raw}"\n')
    secret = "sk-ant-api03-" + "Qx7" * 12
    lab.start()
    spool = lab.record()
    lab.type(f"echo {secret}; echo plain''text")
    lab.until_turns(1)
    lab.procy("record", "off", inside=True)
    lab.until_ended(spool.session_id)
    wait_until(lambda: not spool.path.exists(), what="an empty spool")
    data = lab.recorded(spool.session_id)
    assert (secret.encode() in data) == (raw == "keep")
    assert (b"plaintext" in data) == (raw != "drop")
    assert (b"*" * len(secret) in data) == (raw == "redact")
    assert secret not in "\n".join(sqlite3.connect(lab.places.db).iterdump())
    assert lab.turns()[0]["prompt"] == "echo [redacted:anthropic-key]; echo plain''text"
    from procy.store.blobs import unpack

    pictures = [unpack(row["screen"]) for row in lab.rows("SELECT screen FROM keyframes")]  # type: ignore[arg-type]
    assert raw == "keep" or not any(secret.encode() in picture for picture in pictures)


def test_while_a_redaction_rule_is_broken_everything_waits(shell: Lab) -> None:
    config = Path(shell.places.config)
    shell.record()
    shell.type("echo first")
    shell.until_turns(1)
    config.write_text('[redact]\nrules = [{find = "(", regex = true}]\n')
    time.sleep(0.3)
    shell.type("echo open sesame")
    wait_until(lambda: "is broken" in Path(shell.places.sidecar_log).read_text())
    time.sleep(0.5)
    assert len(shell.rows("SELECT * FROM turns")) == 1
    config.write_text('[redact]\nrules = [{find = "sesame"}]\n')
    assert [turn["prompt"] for turn in shell.until_turns(2)] == ["echo first", "echo open [redacted:rule-1]"]
    assert not shell.rows("SELECT 1 FROM terminal_texts WHERE text LIKE '%sesame%'")
