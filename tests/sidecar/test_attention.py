"""Which pane waits, and why: in tmux's options, to the user's command, and on one key."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shlex
import signal
import sqlite3
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path

import pytest

from procy.capture.servers import registered
from procy.capture.tmux import Tmux
from procy.sidecar.outbox import PATIENCE
from tests.conftest import Lab, is_running, wait_until
from tests.sidecar.agents import Agents, read_lines


@pytest.fixture
def agents(lab: Lab) -> Agents:
    agents = Agents(lab)
    agents.start()
    return agents


# -- options ----------------------------------------------------------------------------------------------------------


def test_a_pane_says_what_its_agent_does_since_when_and_why(agents: Agents) -> None:
    pane = agents.lab.pane
    agents.publish(pane, "idle")
    spool = agents.record(pane)
    agents.until(pane, "idle")
    agents.hook(spool, "PermissionRequest", tool_name="Bash", tool_input={"command": "echo #{pane_id} #[fg=red] %H 'a' $B;"})
    asked = agents.publish(pane, "waiting", "permission prompt")
    told = agents.until(pane, "waiting")
    assert told["session"] == spool.session_id and told["since"] == str(int(asked))
    reason = agents.lab.tmux("display-message", "-p", "-t", pane, "#{@procy_reason}").strip()
    assert reason == "permission: Bash echo #{pane_id} #[fg=red] %H 'a' $B;"
    agents.until_counts(waiting="1")


def test_the_question_is_forgotten_once_it_was_answered(agents: Agents) -> None:
    pane = agents.lab.pane
    agents.publish(pane, "idle")
    spool = agents.record(pane)
    agents.until(pane, "idle")
    agents.hook(spool, "PermissionRequest", tool_name="Bash", tool_input={"command": "touch x"})
    agents.publish(pane, "waiting", "permission prompt")
    wait_until(lambda: "touch x" in agents.options(pane).get("reason", ""))
    agents.publish(pane, "busy")
    agents.until(pane, "busy")
    agents.publish(pane, "waiting", "permission prompt")
    assert "touch x" not in agents.until(pane, "waiting")["reason"]


def test_panes_are_counted_by_state_until_none_is_recorded(agents: Agents) -> None:
    first = agents.lab.pane
    second, third = agents.add("new-window"), agents.add("new-session")
    for pane, state in ((first, "busy"), (second, "waiting"), (third, "busy")):
        agents.publish(pane, state, "a question" if state == "waiting" else "")
        agents.record(pane)
    agents.until_counts(busy="2", waiting="1")
    agents.publish(first, "idle")
    agents.until_counts(busy="1", waiting="1", idle="1")
    agents.lab.tmux("kill-pane", "-t", second)
    agents.until_counts(busy="1", idle="1")
    agents.lab.procy("stop", "--all")
    agents.until_counts()
    assert agents.options(first) == agents.options(third) == {}


def test_a_paused_pane_shows_that_and_no_state(agents: Agents) -> None:
    pane = agents.lab.pane
    agents.publish(pane, "waiting", "a question")
    spool = agents.record(pane)
    agents.until(pane, "waiting")
    agents.lab.procy("pause", inside=True)
    agents.until(pane, "")
    agents.until_counts()
    assert agents.options(pane) == {"session": spool.session_id, "paused": "1"}
    agents.lab.procy("pause", inside=True)
    agents.until(pane, "waiting")
    assert agents.lab.option("@procy_paused") == ""


def test_an_agent_that_exits_leaves_no_state_behind(agents: Agents) -> None:
    """The pane's shell goes on, and the recording ends with the agent."""
    lab = agents.lab
    pane = lab.tmux("new-window", "-d", "-P", "-F", "#{pane_id}", "bash --norc --noprofile").strip()
    command = shlex.join(["procy", "record", "--", *agents.command])
    lab.tmux("send-keys", "-t", pane, command, "Enter")
    wait_until(lambda: agents.options(pane).get("state"))
    lab.tmux("send-keys", "-t", pane, "C-d")
    agents.until(pane, "")
    assert agents.options(pane) == {}
    assert lab.rows("SELECT status FROM sessions") == [{"status": "recording"}], "its last words are still waited for"


def test_today_is_shown_where_something_is_recorded(agents: Agents) -> None:
    lab, pane = agents.lab, agents.lab.pane
    agents.publish(pane, "idle")
    agents.record(pane)
    agents.until(pane, "idle")
    assert "today" not in agents.counts()
    with closing(sqlite3.connect(lab.places.db, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO turns (id, session_id, seq, prompt, response, status, source, started_at, input_tokens, "
            "cache_read_tokens, output_tokens, cost_usd) SELECT 'T', id, 1, 'p', 'r', 'done', 'transcript', "
            "strftime('%Y-%m-%dT%H:%M:%fZ'), 2000, 10000, 345, 0.417 FROM sessions LIMIT 1"
        )
    wait_until(lambda: agents.counts().get("today") == '"12.3k tok $0.42"', what=f"{agents.counts()}")
    lab.procy("stop", "--all")
    wait_until(lambda: "today" not in agents.counts())


# -- what breaks ------------------------------------------------------------------------------------------------------


def test_a_sidecar_that_was_killed_is_right_again(agents: Agents) -> None:
    """What changed while there was none, what did not, and a pane that is gone."""
    stays, changes, closes = agents.lab.pane, agents.add("new-window"), agents.add("new-window")
    spools = {}
    for pane in (stays, changes, closes):
        agents.publish(pane, "busy")
        spools[pane] = agents.record(pane)
    agents.hook(spools[stays], "PermissionRequest", tool_name="Bash", tool_input={"command": "touch x"})
    for pane in (stays, changes, closes):
        agents.publish(pane, "waiting", "permission prompt")
    agents.until_counts(waiting="3")
    wait_until(lambda: "touch x" in agents.options(stays).get("reason", ""))
    wait_until(lambda: agents.lab.rows("SELECT 1 FROM hook_events"))
    agents.publish(stays, "waiting", "permission prompt", statusUpdatedAt=(time.time() + 60) * 1000)  # it has waited all the time
    before = agents.options(stays)
    agents.kill_sidecar()
    agents.lab.tmux("kill-pane", "-t", closes)
    agents.publish(changes, "idle")
    agents.until_counts(waiting="1", idle="1")
    wait_until(lambda: agents.options(stays) == before, what=f"{agents.options(stays)} instead of {before}")


def test_stale_values_go_wherever_they_were_left(agents: Agents) -> None:
    """A server on which nothing is recorded any more, and no sidecar that could have known."""
    lab, pane = agents.lab, agents.lab.pane
    agents.publish(pane, "waiting", "a question")
    spool = agents.record(pane)
    agents.until_counts(waiting="1")
    wait_until(lambda: lab.rows("SELECT 1 FROM sessions WHERE id = ?", spool.session_id))
    lab.tmux("pipe-pane", "-t", pane)  # and with it the shell that would start the sidecar again
    agents.kill_sidecar()
    spool.remove()
    lab.tmux("set-option", "-p", "-t", pane, "@mine", "stays")
    socket, lab.socket = lab.socket, str(lab.root / "another server")
    lab.start()
    lab.record()
    lab.tmux("kill-server")
    lab.socket, lab.pane = socket, pane
    agents.until(pane, "")
    agents.until_counts()
    assert lab.option("@mine") == "stays"


def test_another_data_directorys_panes_are_left_alone(agents: Agents) -> None:
    lab, pane = agents.lab, agents.lab.pane
    lab.tmux("set-option", "-p", "-t", pane, "@procy_session", "somebody-elses", ";", "set-option", "-p", "@procy_state", "busy")
    mine = agents.add("new-window")
    agents.publish(mine, "idle")
    agents.record(mine)
    agents.until(mine, "idle")
    assert agents.options(pane) == {"session": "somebody-elses", "state": "busy"}


@pytest.mark.parametrize("waiting_rows", [0, PATIENCE + 100])
def test_states_do_not_wait_for_the_database(agents: Agents, waiting_rows: int) -> None:
    """Neither while it is locked, nor when so many rows wait for it that nothing more is read."""
    pane = agents.lab.pane
    agents.publish(pane, "idle")
    spool = agents.record(pane)
    agents.until(pane, "idle")
    wait_until(lambda: agents.lab.rows("SELECT 1 FROM sessions WHERE state = 'idle'"))
    with closing(sqlite3.connect(agents.lab.places.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(waiting_rows):
            agents.hook(spool, "Notification")
        for state in ("busy", "waiting", "idle", "busy", "waiting"):
            began = time.monotonic()
            agents.publish(pane, state, "a question" if state == "waiting" else "")
            agents.until(pane, state)
            assert time.monotonic() - began < 10, "less than SQLite's patience"
    wait_until(lambda: agents.lab.rows("SELECT 1 FROM sessions WHERE state = 'waiting'"))


def test_a_server_that_is_killed_takes_its_recordings_with_it(agents: Agents) -> None:
    agents.publish(agents.lab.pane, "busy")
    spool = agents.record(agents.lab.pane)
    agents.until(agents.lab.pane, "busy")
    agents.lab.tmux("kill-server")
    agents.lab.until_ended(spool.session_id)
    agents.start()
    agents.publish(agents.lab.pane, "idle")
    agents.record(agents.lab.pane)
    agents.until_counts(idle="1")


# -- the user's command -----------------------------------------------------------------------------------------------


def test_the_command_is_told_each_change_in_its_environment(agents: Agents) -> None:
    lab, pane, told = agents.lab, agents.lab.pane, agents.lab.root / "told"
    names = ("PANE", "PREVIOUS", "STATE", "REASON", "SESSION", "AGENT", "CWD")
    line = "|".join(f"$PROCY_{name}" for name in names)
    command = f'echo "{line}|$(tmux display-message -p "#{{pane_id}} #{{@procy_state}}")" >>{shlex.quote(str(told))}'
    lab.tmux("set-option", "-g", "@procy-on-change", command)
    agents.publish(pane, "busy")
    spool = agents.record(pane)
    agents.until(pane, "busy")
    trap = f"$(touch {lab.root}/trap); 'x' \"y\" #(touch {lab.root}/trap)"
    agents.publish(pane, "waiting", trap)
    wait_until(lambda: len(read_lines(told)) >= 2, what=lab.log())
    first, second = read_lines(told)
    rest = f"{spool.session_id}|claude-code|{lab.work}|{pane}"
    assert first.startswith(f"{pane}||busy||{rest}")
    assert second == f"{pane}|busy|waiting|{trap}|{rest} waiting"
    assert not (lab.root / "trap").exists()


def test_the_command_is_told_nothing_twice_when_the_sidecar_was_killed(agents: Agents) -> None:
    lab, pane, told = agents.lab, agents.lab.pane, agents.lab.root / "told"
    lab.tmux("set-option", "-g", "@procy-on-change", f'echo "$PROCY_PREVIOUS $PROCY_STATE" >>{shlex.quote(str(told))}')
    agents.publish(pane, "waiting", "a question")
    agents.record(pane)
    wait_until(lambda: read_lines(told) == [" waiting"])
    agents.kill_sidecar()
    wait_until(lambda: lab.log().count("following") == 2)
    agents.publish(pane, "busy")
    wait_until(lambda: len(read_lines(told)) > 1)
    assert read_lines(told) == [" waiting", "waiting busy"]


def test_a_command_that_hangs_or_fails_holds_nothing_up(agents: Agents) -> None:
    lab, pane = agents.lab, agents.lab.pane
    pids = lab.root / "pids"
    lab.tmux("set-option", "-g", "@procy-on-change", f"echo $$ >>{shlex.quote(str(pids))}; exec sleep 30")
    agents.publish(pane, "busy")
    agents.record(pane)
    states = ["idle", "busy"] * 4
    for state in states:
        agents.until(pane, {"idle": "busy", "busy": "idle"}[state])
        agents.publish(pane, state)
    agents.until(pane, states[-1])
    wait_until(lambda: len(read_lines(pids)) == 4, what="a few at once")
    lab.tmux("set-option", "-g", "@procy-on-change", "exit 3")
    for state in ("idle", "busy", "idle"):
        agents.publish(pane, state)
        agents.until(pane, state)

    def killed() -> bool:
        for pid in filter(is_running, map(int, read_lines(pids))):
            os.kill(pid, signal.SIGKILL)
        return len(read_lines(pids)) == 1 + len(states)

    wait_until(killed, what="those that had to wait")
    wait_until(lambda: "exit status 3" in lab.log())
    for state in ("busy", "idle"):
        agents.publish(pane, state)
        agents.until(pane, state)
    assert lab.log().count("exit status 3") == 1


# -- context and cost -------------------------------------------------------------------------------------------------


def tell_status(spool_hooks: Path, fields: dict[str, object], command: str) -> subprocess.CompletedProcess[str]:
    """As Claude Code does it, through our line of sh."""
    script = resources.files("procy.capture") / "hook.sh"
    line = shlex.join(["/bin/sh", str(script), str(spool_hooks), "--status", command])
    return subprocess.run(["/bin/sh", "-c", line], input=json.dumps(fields), capture_output=True, text=True, check=False)


def test_the_context_that_is_left_is_shown_by_the_status_feed(agents: Agents) -> None:
    lab, pane = agents.lab, agents.lab.pane
    key = agents.converse(pane, "idle")
    spool = agents.record(pane)
    agents.until(pane, "idle")
    fields = {"session_id": key, "cost": {"total_cost_usd": 0.5}, "context_window": {"remaining_percentage": 37}}
    done = tell_status(spool.hooks, fields, "cat; echo ' said' >&2; exit 7")
    assert (json.loads(done.stdout), done.stderr, done.returncode) == (fields, " said\n", 7)
    wait_until(lambda: agents.options(pane).get("context") == "37", what=f"{agents.options(pane)}")
    wait_until(lambda: lab.rows("SELECT 1 FROM sessions WHERE context_left = 37 AND cost_usd = 0.5"))
    assert "37% context left" in lab.procy("status").stdout
    assert json.loads(lab.procy("status", "--json").stdout)["sessions"][0]["context_left"] == 37
    tell_status(spool.hooks, fields | {"session_id": "another"}, "cat")
    wait_until(lambda: "context" not in agents.options(pane))


def test_a_status_line_is_shown_when_its_recording_is_over(tmp_path: Path) -> None:
    done = tell_status(tmp_path / "gone", {"model": "x"}, "cat")
    assert (done.stdout, done.stderr, done.returncode) == ('{"model": "x"}\n', "", 0)


# -- the next one -----------------------------------------------------------------------------------------------------


@contextmanager
def attached(lab: Lab, target: str) -> Iterator[str]:
    """A terminal that shows the session; its name as a client."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    command = ["tmux", "-S", lab.socket, "attach-session", "-t", target]
    client = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=lab.environment, start_new_session=True)
    name = os.ttyname(inner)
    drain = subprocess.Popen(["cat"], stdin=outer, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: name in lab.tmux("list-clients", "-F", "#{client_name}"))
        yield name
    finally:
        client.kill()
        client.wait()
        drain.kill()
        drain.wait()
        os.close(outer)
        os.close(inner)


def test_next_goes_to_the_pane_that_waits_longest_and_on(agents: Agents) -> None:
    lab = agents.lab
    here, window, split, session = (
        lab.pane, agents.add("new-window"), agents.add("split-window"), agents.add("new-session", "-s", "far"),
    )  # fmt: skip
    set_state = ("set-option", "-p", "@procy_state")
    with attached(lab, here) as client:

        def after_next(*options: str) -> str:
            lab.procy("next", *options, inside=True)
            return lab.tmux("list-clients", "-F", "#{pane_id}").strip()

        assert after_next() == here
        wait_until(lambda: "no pane waits" in lab.tmux("show-messages", "-t", client))
        for pane, state, since in ((window, "waiting", 20), (session, "waiting", 10), (split, "error", 5), (here, "busy", 1)):
            lab.tmux(*set_state[:2], "-t", pane, set_state[2], state, ";", *set_state[:2], "-t", pane, "@procy_since", str(since))
        assert [after_next(), after_next("-c", client), after_next()] == [session, window, session]
        for pane in (window, session):
            lab.tmux("set-option", "-p", "-t", pane, "@procy_state", "idle")
        assert [after_next(), after_next()] == [split, split]
        refused = lab.procy("next", "-c", "nobody", inside=True, check=False)
        assert refused.returncode == 1 and "list-clients" in refused.stderr


def test_next_says_who_it_needs(lab: Lab) -> None:
    refused = lab.procy("next", check=False)
    assert refused.returncode == 1 and "no tmux pane" in refused.stderr


# -- servers ----------------------------------------------------------------------------------------------------------


def test_a_watched_server_is_known_as_long_as_it_lives(shell: Lab) -> None:
    shell.procy("tmux", "watch", inside=True)
    assert [tmux.socket for tmux in registered(shell.places)] == [shell.socket]
    shell.tmux("kill-server")
    wait_until(lambda: not registered(shell.places))
    assert not list((Path(shell.places.home) / "servers").iterdir())


def test_one_command_list_carries_any_text(shell: Lab) -> None:
    tmux = Tmux(shell.socket)
    values = {"@a": "ends with;", "@b": ";", "@c": "a\\;", "@d": "-x #{pane_id} %H ; é 'q' \"d\" $H"}
    tmux.run_all([("set-option", "-p", "-t", shell.pane, name, value) for name, value in values.items()])
    assert {name: shell.option(name) for name in values} == values


@pytest.mark.parametrize("command", ["a\x00b", "a\ud800b", "a\x1b[31m\nb"])
def test_no_text_of_an_agent_stops_the_sidecar(agents: Agents, command: str) -> None:
    """JSON can hold what no argument of a program can, and what would act on a terminal."""
    pane = agents.lab.pane
    agents.publish(pane, "idle")
    spool = agents.record(pane)
    agents.until(pane, "idle")
    sidecar = agents.lab.sidecar_pid()
    agents.hook(spool, "PermissionRequest", tool_name="Bash", tool_input={"command": command})
    agents.publish(pane, "waiting", "permission prompt")
    told = agents.until(pane, "waiting")
    assert told["reason"].strip('"').startswith("permission: Bash a") and told["reason"].isprintable()
    assert agents.lab.sidecar_pid() == sidecar


def test_a_key_in_a_question_is_masked_in_tmux_too(agents: Agents) -> None:
    pane, key = agents.lab.pane, "ghp_" + "a1" * 18
    agents.publish(pane, "idle")
    spool = agents.record(pane)
    agents.until(pane, "idle")
    agents.hook(spool, "PermissionRequest", tool_name="Bash", tool_input={"command": f"login {key}"})
    agents.publish(pane, "waiting", "permission prompt")
    agents.until(pane, "waiting")
    wait_until(lambda: "login" in agents.lab.option("@procy_reason"), what="the question")
    assert key not in agents.lab.option("@procy_reason")
