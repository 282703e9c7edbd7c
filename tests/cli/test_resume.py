"""``procy resume``: what was cut off with its tmux server comes back, in its place, as the session it was."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from procy.cli.resume import read_answer
from procy.recording.restore import first_command
from procy.recording.start import recordings
from procy.store.db import open_reader, open_writer
from procy.store.write import put_session, put_turn
from procy.types import Turn
from tests.conftest import Lab, is_running, wait_until

DEMO = [sys.executable, "-m", "procy.demo.agent"]
RECORD = [sys.executable, "-m", "procy", "record"]


@pytest.fixture
def two(lab: Lab) -> Lab:
    """A tmux server with a shell in each of two windows. The demo agent keeps its conversation where the lab's shells say."""
    lab.environment["PROCY_DEMO_TRANSCRIPT"] = str(lab.root / "conversation.jsonl")
    start_two(lab)
    return lab


def start_two(lab: Lab) -> None:
    """As before and as tmux-resurrect does it: windows by index, each with its directory."""
    shell = "bash --norc --noprofile"
    lab.start()
    lab.tmux("set-option", "-g", "default-command", shell)  # of further windows: no profile of whoever runs the tests
    lab.tmux("new-window", "-d", "-t", "0:1", "-c", str(lab.work), shell)


def end_server(lab: Lab) -> None:
    pid = int(lab.option("pid"))
    lab.tmux("kill-server")
    wait_until(lambda: not is_running(pid), what="the end of the tmux server")


def ask(lab: Lab, prompt: str) -> None:
    """Wait for the agent, and for its answer."""
    lab.wait_for("ctrl-d leaves")
    lab.type(prompt)
    wait_until(
        lambda: lab.rows("SELECT 1 FROM turns WHERE prompt = ? AND status = 'done'", prompt), what=f"{prompt}\n{lab.log()}"
    )


def start_agent(lab: Lab) -> str:
    """The demo agent, started by procy in the first pane and asked something; its session."""
    lab.type(shlex.join([*RECORD, "--", *DEMO]))
    ask(lab, "write a word counter")
    session = str(lab.rows("SELECT id FROM sessions")[0]["id"])
    wait_until(lambda: lab.rows("SELECT 1 FROM session_places WHERE session_id = ?", session), what="where the pane is")
    return session


def offered(lab: Lab) -> list[str]:
    return [one["id"] for one in json.loads(lab.procy("resume", "--json").stdout)]


def answer(lab: Lab, text: str) -> None:
    """``procy resume`` in the second window, answered."""
    lab.tmux("send-keys", "-t", "0:1", shlex.join([sys.executable, "-m", "procy", "resume"]), "Enter")
    wait_until(lambda: "q(uit)" in lab.tmux("capture-pane", "-p", "-t", "0:1"), what="the question")
    lab.tmux("send-keys", "-t", "0:1", text, "Enter")


def assert_a_client_is_told(lab: Lab, text: str) -> None:
    """A client that attaches from the pane of another tmux server."""
    outer = ["tmux", "-S", str(lab.root / "outer"), "-f", os.devnull]
    attach = shlex.join(["env", "-u", "TMUX", "tmux", "-S", lab.socket, "attach-session", "-t", "0"])
    subprocess.run([*outer, "new-session", "-d", "-x", "100", "-y", "32", attach], env=lab.environment, check=True)
    capture = [*outer, "capture-pane", "-p"]
    wait_until(lambda: text in subprocess.run(capture, capture_output=True, text=True, check=False).stdout, what=text)
    subprocess.run([*outer, "kill-server"], check=True)


@pytest.mark.parametrize("everything", [False, True], ids=["tmux", "machine"])
def test_a_cut_off_agent_goes_on_in_the_idle_shell_at_its_place(two: Lab, everything: bool) -> None:
    session = start_agent(two)
    assert offered(two) == []
    if everything:
        os.kill(two.sidecar_pid(), signal.SIGKILL)
    end_server(two)
    assert offered(two) == [session]
    listed = two.procy("resume", "--list").stdout
    assert "demo" in listed and "write a word counter" in listed
    start_two(two)
    answer(two, "1")
    ask(two, "add a test")
    assert [turn["session_id"] for turn in two.turns()] == [session, session]
    assert offered(two) == []
    assert len(two.tmux("list-windows").splitlines()) == 2


def test_elsewhere_it_goes_on_in_a_new_window_in_its_directory(two: Lab) -> None:
    session = start_agent(two)
    end_server(two)
    two.until_ended(session)
    start_two(two)
    two.type("cd /")
    answer(two, "a")
    wait_until(lambda: len(two.tmux("list-windows").splitlines()) == 3, what="a new window")
    two.pane = two.tmux("display-message", "-p", "-t", "0:2", "#{pane_id}").strip()
    ask(two, "add a test")
    assert two.option("pane_current_path") == str(two.work)
    assert {turn["session_id"] for turn in two.turns()} == {session}


def test_what_was_declined_is_not_offered_until_it_is_cut_off_again(two: Lab) -> None:
    session = start_agent(two)
    end_server(two)
    two.until_ended(session)
    start_two(two)
    answer(two, "x 1")
    wait_until(lambda: offered(two) == [], what="declined")
    two.type(shlex.join([*RECORD, "--resume", session]))
    ask(two, "add a test")
    end_server(two)
    assert offered(two) == [session]


def test_an_agent_that_ended_before_the_server_is_not_offered(two: Lab) -> None:
    spool = two.record()
    two.type(shlex.join(DEMO))
    ask(two, "write a word counter")
    two.press("C-d")
    two.wait_for("bye")
    query = "SELECT 1 FROM pane_events WHERE kind = 'foreground' AND detail ->> 'program' = 'bash' AND at_ns > ?"
    asked_ns = time.time_ns() - 1_000_000_000
    wait_until(lambda: two.rows(query, asked_ns), what="the shell has its pane again")
    end_server(two)
    two.until_ended(spool.session_id)
    assert offered(two) == []


def test_an_agent_whose_end_was_the_end_of_the_server_is_not_offered(lab: Lab) -> None:
    lab.environment["PROCY_DEMO_TRANSCRIPT"] = str(lab.root / "conversation.jsonl")
    lab.start(*RECORD, "--", *DEMO)
    ask(lab, "write a word counter")
    wait_until(lambda: lab.rows("SELECT 1 FROM session_places"), what="where the pane is")
    lab.press("C-d")
    lab.until_ended(str(lab.rows("SELECT id FROM sessions")[0]["id"]))
    assert offered(lab) == []


def go_below(lab: Lab) -> None:
    lab.type("cd below")
    wait_until(lambda: lab.option("pane_current_path").endswith("/below"), what="the other directory")


def test_a_recorded_pane_is_recorded_again_after_a_restore(two: Lab) -> None:
    spool = two.record()
    (two.work / "below").mkdir()
    go_below(two)
    wait_until(lambda: two.rows("SELECT 1 FROM session_places WHERE cwd LIKE '%/below'"), what="where the pane is")
    two.type("echo before")
    two.until_turns(2)
    two.type(shlex.join(DEMO))
    ask(two, "write a word counter")
    end_server(two)
    start_two(two)
    go_below(two)
    two.procy("resume", "--restored", inside=True)
    two.type("echo after")
    wait_until(lambda: "echo after" in [turn["prompt"] for turn in two.turns()], what="the turn after")
    assert {turn["session_id"] for turn in two.turns()} == {spool.session_id}
    assert_a_client_is_told(two, "procy: 1 agent can be resumed: procy resume")
    assert offered(two) == [spool.session_id]
    recorded = two.recorded(spool.session_id)
    assert recorded.index(b"before") < recorded.index(b"after")


def test_an_agent_that_was_restored_is_recorded_again_and_a_shell_in_its_place_is_not(two: Lab) -> None:
    session = start_agent(two)
    end_server(two)
    two.until_ended(session)
    start_two(two)
    two.procy("resume", "--restored", inside=True)
    assert recordings(two.places) == []
    two.type(shlex.join(DEMO))
    two.wait_for("❯")
    two.procy("resume", "--restored", inside=True)
    ask(two, "add a test")
    assert {turn["session_id"] for turn in two.turns()} == {session}


def test_a_prompt_in_the_command_line_is_not_sent_again(lab: Lab) -> None:
    with open_writer(lab.places.db) as connection:
        values = {"agent": "codex", "started_at": "2026-11-20T12:00:00Z", "command": "codex -m big 'don'\"'\"'t stop'"}
        put_session(connection, "S", values)
        put_turn(connection, "S", Turn(key="1", prompt="don't stop", started_ns=1), str, None)
    with open_reader(lab.places.db) as connection:
        session = connection.execute("SELECT * FROM sessions").fetchone()
        assert first_command(connection, session) == ("codex", "-m", "big")


def test_where_nothing_was_recorded_nothing_is_offered(lab: Lab) -> None:
    assert offered(lab) == []
    assert lab.procy("resume").stderr == "No agent was cut off.\n"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2", (False, [2])),
        ("1 3 1", (False, [1, 3])),
        ("a", (False, [1, 2, 3])),
        ("q", (False, [])),
        ("x 2", (True, [2])),
        ("x", (True, [1, 2, 3])),
        ("x2", (True, [2])),
        ("4", None),
        ("0", None),
        ("yes", None),
    ],
)
def test_answers(text: str, meant: object) -> None:
    assert read_answer(text, 3) == meant
