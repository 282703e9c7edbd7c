"""What once went wrong, each on a real tmux."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from procy.capture.locks import take_lock
from procy.capture.process import descendants
from procy.capture.spool import spools
from procy.plugins import profile_named
from procy.recording.transcripts import new_reader
from tests.conftest import Lab, is_running, wait_until

RECORDINGS = Path(__file__).parents[1] / "recordings"
DEMO = f"{shlex.quote(sys.executable)} -m procy.demo.agent"


def test_output_that_comes_faster_than_it_is_read_is_kept_to_its_end(lab: Lab) -> None:
    """The program is gone long before the sidecar has read what it wrote."""
    lab.environment["TMUX_TMPDIR"] = str(lab.root)
    program = "import sys; [sys.stdout.write('%063d\\n' % n) for n in range(400_000)]"
    lab.procy("record", "--detached", "--", sys.executable, "-c", program)
    session = str(wait_until(lambda: lab.rows("SELECT id FROM sessions"))[0]["id"])  # type: ignore[index]
    assert lab.until_ended(session, 90) == "ended"
    assert lab.recorded(session).endswith(b"%063d\r\n" % 399_999)


def test_the_next_agent_in_a_pane_is_recorded_as_well(shell: Lab) -> None:
    for number in (1, 2, 3):
        shell.type(f"procy record -- sh -c 'echo run {number}'; echo 'shell'{number}")
        shell.wait_for(f"shell{number}")
    wait_until(lambda: len(shell.rows("SELECT 1 FROM sessions WHERE status = 'ended'")) == 3, 30)
    for row, number in zip(shell.rows("SELECT id FROM sessions ORDER BY started_at"), (1, 2, 3), strict=True):
        assert b"run %d" % number in shell.recorded(str(row["id"]))


def test_a_session_resumed_at_once_goes_on(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo one")
    shell.until_turns(1)
    shell.procy("record", "off", inside=True)
    shell.until_ended(spool.session_id)
    shell.procy("record", "--resume", spool.session_id, inside=True)
    shell.type("echo two")
    shell.until_turns(2)
    time.sleep(7)  # by then what was to be done about the first part has been done
    shell.type("echo three")
    assert [turn["prompt"] for turn in shell.until_turns(3)] == ["echo one", "echo two", "echo three"]
    assert spool.path.exists()


def demo(shell: Lab, name: str = "conversation") -> Path:
    """The scripted agent in the pane, not started by procy."""
    path = shell.root / f"{name}.jsonl"
    shell.type(f"PROCY_DEMO_TRANSCRIPT={path} {DEMO}")
    shell.wait_for("esc interrupts")
    return path


def test_half_a_character_stops_nothing(shell: Lab) -> None:
    path = demo(shell)
    shell.record()
    shell.type("hello")
    shell.until_turns(1)
    with path.open("a") as file:
        for text in ("half \ud83d", "whole"):
            line = {"type": "user", "uuid": text[:4], "timestamp": "2026-11-20T12:00:00Z", "message": {"content": text}}
            file.write(json.dumps(line | {"origin": {"kind": "human"}}) + "\n")
    wait_until(lambda: "whole" in [turn["prompt"] for turn in shell.turns()], what=str(shell.turns()))
    assert {"half \ufffd", "half ?"} & {turn["prompt"] for turn in shell.turns()}


def test_a_directory_of_any_name_is_recorded(shell: Lab) -> None:
    names = ["with\nnewline", "x#(touch owned)", "caf\udce9"]
    for name in names:
        os.mkdir(os.fsencode(str(shell.work)) + b"/" + os.fsencode(name))
    shell.record()
    shell.type("cd $'with\\nnewline'; echo in it")
    shell.until_turns(1)
    time.sleep(2)
    shell.type("echo still")
    turns = shell.until_turns(2)
    assert turns[-1]["prompt"] == "echo still"
    shell.environment["TMUX_TMPDIR"] = str(shell.root)
    for name in names[1:]:
        os.chdir(shell.work)
        where = os.fsdecode(os.fsencode(str(shell.work / name)))
        shell.procy("record", "--detached", "--cwd", where, "--", "sh", "-c", "pwd")
    wait_until(lambda: len(shell.rows("SELECT 1 FROM sessions WHERE status = 'ended'")) == 2)
    assert not list(shell.work.rglob("owned"))


def test_while_paused_nothing_is_kept(shell: Lab) -> None:
    demo(shell)
    spool = shell.record()
    shell.type("hello")
    shell.until_turns(1)
    shell.procy("pause", inside=True)
    wait_until(lambda: shell.rows("SELECT 1 FROM sessions WHERE status = 'paused'"))
    (spool.hooks / "1-x.json").write_text('{"prompt": "secret"}')
    shell.type("a secret question")
    shell.wait_for("a secret question")
    time.sleep(4)
    shell.procy("pause", inside=True)
    wait_until(lambda: shell.rows("SELECT 1 FROM sessions WHERE status = 'recording'"))
    time.sleep(1)
    shell.type("afterwards")
    wait_until(lambda: "afterwards" in [turn["prompt"] for turn in shell.turns()], 30)
    assert "secret" not in str(shell.turns()) and not shell.rows("SELECT 1 FROM hook_events")
    assert not shell.rows("SELECT 1 FROM transcript_lines WHERE line LIKE '%secret%'")


def test_a_paused_pane_whose_server_dies_is_over(shell: Lab) -> None:
    spool = shell.record()
    shell.procy("pause", inside=True)
    shell.tmux("kill-server")
    assert shell.until_ended(spool.session_id, 20) in ("ended", "lost")


def test_an_agent_stays_what_it_was_when_recording_stops(shell: Lab) -> None:
    demo(shell)
    spool = shell.record()
    wait_until(lambda: shell.rows("SELECT 1 FROM sessions WHERE agent = 'demo'"))
    shell.procy("record", "off", inside=True)
    shell.until_ended(spool.session_id)
    assert shell.rows("SELECT agent FROM sessions") == [{"agent": "demo"}]


def test_a_program_that_is_the_panes_first_is_busy_while_it_prints(lab: Lab) -> None:
    lab.start("sh", "-c", "while sleep 0.2; do echo tick; done")
    lab.record()
    wait_until(lambda: lab.option("@procy_state") == "busy")
    for _ in range(10):
        assert lab.option("@procy_state") == "busy"
        time.sleep(0.1)


def test_a_background_agent_does_not_have_the_pane(shell: Lab) -> None:
    demo(shell)
    shell.record()
    wait_until(lambda: shell.rows("SELECT 1 FROM sessions WHERE agent = 'demo'"))
    pid = next(process.pid for process in descendants(int(shell.option("pane_pid"))) if process.argv[-1] == "procy.demo.agent")
    os.kill(pid, signal.SIGSTOP)  # as Ctrl-Z does
    shell.wait_for("Stopped")
    time.sleep(1)
    shell.type("echo while it is suspended")
    wait_until(lambda: "echo while it is suspended" in [turn["prompt"] for turn in shell.turns()], what=str(shell.turns()))
    shell.type("kill -9 %1")


def test_secrets_of_the_command_line_are_masked_everywhere(lab: Lab) -> None:
    lab.environment["TMUX_TMPDIR"] = str(lab.root)
    key = "sk-ant-api03-" + "a" * 40
    lab.procy("record", "--detached", "--", "sh", "-c", f"OPENAI_API_KEY={key} sleep 1; exec sleep 1")
    session = str(wait_until(lambda: lab.rows("SELECT id FROM sessions"))[0]["id"])  # type: ignore[index]
    lab.until_ended(session)
    dump = str(lab.rows("SELECT command FROM sessions")) + str(lab.rows("SELECT detail FROM pane_events"))
    assert "redacted" in dump and key not in dump
    assert key not in lab.procy("export", "cast").stdout


def test_a_wrong_configuration_is_said_when_recording_begins(shell: Lab) -> None:
    (shell.root / "config.toml").write_text("raw = 5\n")
    done = shell.procy("record", check=False, inside=True)
    assert done.returncode == 1 and "raw" in done.stderr and not shell.rows("SELECT 1 FROM sessions")


def test_recording_into_a_database_of_another_name(shell: Lab) -> None:
    other = shell.root / "elsewhere" / "mine.db"
    shell.procy("record", "--db", str(other), inside=True)
    shell.type("echo into mine")
    wait_until(lambda: "echo into mine" in shell.procy("history", "--db", str(other), check=False).stdout)
    assert shell.turns() == []
    shell.procy("stop", "last", "--db", str(other))
    wait_until(lambda: not shell.procy("status", "--line", "--db", str(other)).stdout.strip())


@pytest.mark.parametrize("handle", ["last", "%0", "mine", "id"])
def test_recordings_are_stopped_by_any_handle_from_anywhere(shell: Lab, handle: str) -> None:
    spool = shell.record("--name", "mine")
    shell.procy("stop", spool.session_id[-6:].lower() if handle == "id" else handle)
    assert shell.until_ended(spool.session_id) == "ended"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-t", "%0", "--", "true"), "without -t"),
        (("--", "no-such-program"), "was not found"),
        (("--resume", "nobody"), "nothing was recorded yet"),
    ],
)
def test_what_record_cannot_do_it_says(shell: Lab, arguments: tuple[str, ...], words: str) -> None:
    done = shell.procy("record", *arguments, check=False, inside=True)
    assert done.returncode in (1, 2) and words in done.stderr


def test_after_a_crash_status_finds_out(shell: Lab) -> None:
    shell.record()
    os.kill(int(shell.sidecar_pid()), signal.SIGKILL)
    shell.tmux("kill-server")
    wait_until(lambda: not shell.sidecar_pid())
    assert "the sidecar did not run" in shell.procy("status").stderr
    wait_until(lambda: "Nothing is recorded" in shell.procy("status").stdout, 20)


def test_what_has_lost_its_spool_is_given_up(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo one")
    shell.until_turns(1)
    shell.tmux("kill-server")
    os.kill(shell.sidecar_pid(), signal.SIGKILL)
    wait_until(lambda: not shell.sidecar_pid())
    shutil.rmtree(spool.path)
    shell.procy("status")
    assert shell.until_ended(spool.session_id) == "lost"
    assert "Nothing is recorded" in shell.procy("status").stdout


def test_rebuild_leaves_alone_what_has_no_raw(lab: Lab) -> None:
    (lab.root / "config.toml").write_text('raw = "drop"\n')
    lab.start()
    demo(lab)
    spool = lab.record()
    lab.type("hello")
    lab.until_turns(1)
    lab.procy("stop", "last")
    lab.until_ended(spool.session_id)
    before = lab.turns()
    lab.procy("rebuild", "--all")
    assert lab.turns() == before and before


def test_agents_are_not_told_secrets_on_their_command_line(shell: Lab) -> None:
    """Settings that the user keeps in a file stay in a file."""
    settings = shell.root / "settings.json"
    settings.write_text(json.dumps({"env": {"KEY": "hidden"}}))
    fake = shell.work / "claude"
    fake.write_text('#!/bin/sh\necho "arguments: $*"\ncat "$4"\nsleep 1\n')
    fake.chmod(0o755)
    shell.type(f"procy record -- ./claude --settings {settings}")
    shell.wait_for("hidden")
    words = shell.screen().split("arguments: ")[1].split('{"env"')[0]
    assert "hidden" not in words and "private" in words
    (private,) = Path(shell.places.spool).glob("private/*.json")
    assert private.stat().st_mode & 0o077 == 0 and '"Stop"' in private.read_text()


def test_a_pane_of_the_same_number_on_another_server_is_left_alone(shell: Lab, tmp_path: Path) -> None:
    spool = shell.record()
    other = Lab(tmp_path / "other")
    other.environment |= {"PROCY_HOME": shell.places.home, "PROCY_CONFIG": shell.places.config}
    other.start()
    try:
        assert other.pane == shell.pane
        done = other.procy("stop", other.pane, check=False, inside=True)
        assert done.returncode == 1 and "is not recorded" in done.stderr
        assert spool.meta().wanted == "recording"
    finally:
        other.stop()


@pytest.mark.parametrize("agent", ["codex", "claude-code"])
def test_an_agent_gone_before_the_sidecar_came_is_told_by_its_transcript(lab: Lab, agent: str) -> None:
    """Nobody could ask it what it wrote; what it showed would be turns of their own once it is resumed."""
    kept = next(RECORDINGS.glob(f"{agent}/*/talk/*.jsonl"))
    folders = {"codex": lab.root / "codex" / "sessions" / "2026" / "11" / "20", "claude-code": lab.root / "claude" / "projects"}
    folders[agent].mkdir(parents=True)
    transcript = folders[agent] / kept.name
    shutil.copy(kept, transcript)
    told = {"thread-id": kept.stem[-36:]} if agent == "codex" else {"transcript_path": str(transcript)}
    program = lab.work / profile_named(agent).program
    boxed = "printf '\\033[?2004h› an old prompt\\n\\n• its answer\\n\\n› \\n\\n  ctx 42%%\\033[2A'; sleep 0.5"
    program.write_text(f"#!/bin/sh\n{boxed}\n")
    program.chmod(0o700)
    lab.environment |= {"TMUX_TMPDIR": str(lab.root), "CODEX_HOME": str(lab.root / "codex")}
    lock = take_lock(lab.places.sidecar_lock)
    assert lock
    with lock:  # no sidecar comes meanwhile
        lab.procy("record", "--detached", "--", str(program))
        spool = wait_until(lambda: next(iter(spools(lab.places.spool)), None))
        wait_until(lambda: (spool.path / "0001.raw").exists() and not is_running(spool.meta().pane_pid))
    (spool.hooks / "1-x.json").write_text(json.dumps({"type": "a turn has ended", **told}))
    sidecar = subprocess.Popen([sys.executable, "-m", "procy.sidecar"], env=lab.environment)
    try:
        assert lab.until_ended(spool.session_id) == "ended"
        reader = new_reader(profile_named(agent).transcript, kept.stem)
        for line in kept.read_bytes().splitlines():
            reader.feed(line)
        prompts = [turn.prompt for turn in reader.changed()]
        assert [turn["prompt"] for turn in lab.turns()] == prompts and "an old prompt" not in prompts
        assert {turn["source"] for turn in lab.turns()} == {"transcript"}
    finally:
        sidecar.kill()
        sidecar.wait()
