"""``@procy-auto``: agents that it names are recorded from their start, wherever they start."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

import pytest

from procy.recording.start import recordings
from procy.sidecar.loop import LINGER_S
from tests.conftest import Lab, wait_until

AGENT = """\
import sys
print("FIRST BYTES", flush=True)
for line in sys.stdin:
    if line.strip() == "leave":
        break
    print("heard", line.strip(), flush=True)
"""


def put_agent(lab: Lab, name: str) -> str:
    """A program of that name on the PATH of the lab's shells, which talks until it is told to leave; its path."""
    folder = lab.root / "bin"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{AGENT}")
    path.chmod(0o755)
    if not lab.environment["PATH"].startswith(f"{folder}:"):
        lab.environment["PATH"] = f"{folder}:{lab.environment['PATH']}"
    return str(path)


@pytest.fixture
def watched(lab: Lab) -> Lab:
    """A tmux server with a shell, in which Codex and goose record themselves; two programs bear these names."""
    put_agent(lab, "codex")
    put_agent(lab, "goose")
    lab.start()
    lab.tmux("set-option", "-g", "@procy-auto", "codex goose")
    lab.procy("tmux", "watch", inside=True)
    wait_until(lab.sidecar_pid, what="the sidecar")
    return lab


def live(lab: Lab) -> list[dict[str, object]]:
    return lab.rows("SELECT * FROM sessions WHERE status IN ('recording', 'paused') ORDER BY started_at")


def sessions(lab: Lab) -> list[dict[str, object]]:
    return lab.rows("SELECT * FROM sessions ORDER BY started_at")


def recorded_panes(lab: Lab) -> list[str]:
    """What is recorded or paused now, by the spool: the database is told a moment later."""
    return [spool.meta().pane_id for spool in recordings(lab.places)]


def until_looked(lab: Lab) -> None:
    """Until the watcher has decided about an agent in a later window: it has looked at every window before."""
    pane = lab.tmux("new-window", "-d", "-P", "-F", "#{pane_id}", "-c", str(lab.root), "goose").strip()
    show = ("display-message", "-p", "-t", pane, "#{@procy_seen}")
    wait_until(lambda: lab.tmux(*show).strip(), what=f"the later agent is recorded\n{lab.log()}")


def test_an_agent_typed_into_a_shell_is_recorded_until_it_ends(watched: Lab) -> None:
    watched.type("codex --model x")
    wait_until(lambda: live(watched), what=f"the recording\n{watched.log()}")
    session = live(watched)[0]
    assert (session["agent"], session["pane_id"], session["cwd"]) == ("codex", watched.pane, str(watched.work))
    assert str(session["command"]).endswith("codex --model x")
    watched.type("something")
    watched.wait_for("heard something")
    watched.type("leave")
    assert watched.until_ended(str(session["id"])) == "ended"
    watched.type("echo after the agent")
    watched.wait_for("after the agent\n")
    until_looked(watched)
    data = watched.recorded(str(session["id"]))
    assert b"heard something" in data
    assert b"after the agent" not in data, "the shell is not recorded"


def test_the_next_agent_in_the_pane_is_another_session(watched: Lab) -> None:
    for _ in range(2):
        watched.type("clear; codex")
        watched.wait_for("FIRST BYTES")
        wait_until(lambda: live(watched), what=f"the recording\n{watched.log()}")
        watched.type("leave")
        watched.until_ended(str(live(watched)[0]["id"]))
    assert [one["agent"] for one in sessions(watched)] == ["codex", "codex"]


def test_programs_without_a_profile_are_named_by_their_program(watched: Lab) -> None:
    watched.type("goose")
    wait_until(lambda: live(watched), what="the recording")
    assert live(watched)[0]["agent"] == "generic"


def test_what_is_not_named_or_does_not_converse_is_left_alone(watched: Lab) -> None:
    put_agent(watched, "claude")
    for command in ("claude", "codex exec task"):
        watched.type(f"clear; {command}")
        watched.wait_for("FIRST BYTES")
        until_looked(watched)
        assert watched.pane not in recorded_panes(watched)
        watched.type("leave")


def test_ignored_directories_with_what_is_below_and_links_to_them(watched: Lab) -> None:
    private = watched.root / "private" / "below"
    private.mkdir(parents=True)
    (watched.work / "link").symlink_to(private)
    watched.tmux("set-option", "-g", "@procy-ignore", f"/nowhere:{watched.root}/private")
    watched.type("cd link && codex")
    watched.wait_for("FIRST BYTES")
    until_looked(watched)
    assert watched.pane not in recorded_panes(watched)
    watched.type("leave")
    watched.type(f"clear; cd {watched.work} && codex")
    wait_until(lambda: watched.pane in [one["pane_id"] for one in live(watched)], what="recorded elsewhere")


def test_what_was_stopped_by_hand_stays_stopped_while_that_agent_runs(watched: Lab) -> None:
    watched.type("codex")
    wait_until(lambda: live(watched), what="the recording")
    first = str(live(watched)[0]["id"])
    watched.procy("stop", watched.pane, inside=True)
    watched.until_ended(first)
    os.kill(watched.sidecar_pid(), 9)
    watched.procy("tmux", "watch", inside=True)
    until_looked(watched)
    assert watched.pane not in recorded_panes(watched)
    watched.type("leave")
    watched.type("codex")
    wait_until(lambda: [one for one in live(watched) if one["pane_id"] == watched.pane], what="the next agent is recorded")


def test_a_recorded_or_paused_pane_is_not_recorded_again(watched: Lab) -> None:
    spool = watched.record()
    watched.procy("pause", inside=True)
    watched.type("codex")
    watched.wait_for("FIRST BYTES")
    until_looked(watched)
    assert [one.session_id for one in recordings(watched.places) if one.meta().pane_id == watched.pane] == [spool.session_id]


def test_another_tools_pipe_stays_and_is_told_once(watched: Lab) -> None:
    log = watched.root / "other.log"
    watched.tmux("pipe-pane", "-t", watched.pane, f"exec cat >> {shlex.quote(str(log))}; # loggingtool")
    watched.type("codex")
    watched.wait_for("FIRST BYTES")
    until_looked(watched)
    watched.type("still piped")
    wait_until(lambda: "heard still piped" in log.read_text(), what="the other tool's log")
    assert watched.pane not in recorded_panes(watched)
    assert watched.log().count("is piped by another tool") == 1


def test_the_watch_ends_with_the_option_and_with_the_server(watched: Lab) -> None:
    pid = watched.sidecar_pid()
    time.sleep(LINGER_S + 1)
    assert watched.sidecar_pid() == pid, "it lives though nothing is recorded"
    watched.tmux("set-option", "-gu", "@procy-auto")
    wait_until(lambda: watched.sidecar_pid() != pid, what="the sidecar ends")
    watched.tmux("set-option", "-g", "@procy-auto", "codex")
    watched.procy("tmux", "watch", inside=True)
    wait_until(watched.sidecar_pid, what="the sidecar")
    watched.tmux("kill-server")
    wait_until(lambda: not watched.sidecar_pid(), what="the sidecar ends with the server")
    assert not list(Path(watched.places.home, "servers").iterdir())


@pytest.mark.parametrize(
    "command",
    [
        ("new-window", "-d", "codex"),
        ("split-window", "-d", "codex", "--model", "x"),
        ("new-session", "-d", "sh -c 'codex; sleep 30'"),
        ("new-window", "-d", "cd /usr; : procy-like; exec codex"),
    ],
)
def test_an_agent_that_is_its_panes_command_is_recorded_from_the_first_byte(watched: Lab, command: tuple[str, ...]) -> None:
    wait_until(lambda: "8124" in watched.tmux("show-hooks", "-g"), what="the hooks")
    pane = watched.tmux(command[0], "-P", "-F", "#{pane_id}", *command[1:]).strip()
    wait_until(lambda: live(watched), what=f"the recording\n{watched.log()}")
    session = live(watched)[0]
    assert (session["agent"], session["pane_id"]) == ("codex", pane)
    wait_until(lambda: watched.recorded(str(session["id"])), what="bytes")
    watched.tmux("send-keys", "-t", pane, "leave", "Enter")
    watched.until_ended(str(session["id"]))
    assert watched.recorded(str(session["id"])).startswith(b"FIRST BYTES\r\n")
    assert len(sessions(watched)) == 1


def test_a_command_that_only_looks_like_an_agent_keeps_no_pipe(watched: Lab) -> None:
    wait_until(lambda: "8124" in watched.tmux("show-hooks", "-g"), what="the hooks")
    pane = watched.tmux("new-window", "-d", "-P", "-F", "#{pane_id}", "echo about codex; sleep 60").strip()
    piped = ("display-message", "-p", "-t", pane, "#{pane_pipe}")
    assert watched.tmux(*piped).strip() == "1"
    wait_until(lambda: watched.tmux(*piped).strip() == "0", what="the pipe is closed")
    assert not sessions(watched)


def test_procys_own_recordings_are_not_piped_twice(watched: Lab) -> None:
    wait_until(lambda: "8124" in watched.tmux("show-hooks", "-g"), what="the hooks")
    command = shlex.join([sys.executable, "-m", "procy", "record", "--", "codex"])
    pane = watched.tmux("new-window", "-d", "-P", "-F", "#{pane_id}", command).strip()
    wait_until(lambda: live(watched), what="the recording")
    wait_until(lambda: watched.tmux("display-message", "-p", "-t", pane, "#{@procy_seen}").strip(), what="the watcher saw it")
    assert [one["pane_id"] for one in sessions(watched)] == [pane]
