"""``procy send`` on a real tmux, to the scripted agent that comes with procy."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from procy.capture.spool import spools
from procy.recording.start import recordings
from tests.conftest import Lab, wait_until

LINES = 'Look at this:\n\n    def f(x):\n        return x\n\n and „say" what $it does; #{pane_id} 漢字 👍🏽'


@pytest.fixture
def agent(lab: Lab) -> Iterator[Lab]:
    """A recorded demo agent that waits for a prompt."""
    lab.environment["PROCY_DEMO_TRANSCRIPT"] = str(lab.root / "demo.jsonl")
    lab.start()
    lab.record()
    lab.type(f"sh -c '{sys.executable} -m procy.demo.agent; true'")
    lab.wait_for("ctrl-d leaves")
    wait_until(lambda: lab.option("@procy_state") == "idle", what="idle")
    yield lab


def answered(lab: Lab) -> list[dict]:
    """The agent's turns, without the shell's before it."""
    return [turn for turn in lab.turns() if turn["source"] == "transcript"]


def prompts(lab: Lab) -> list[str]:
    """What the agent took, by its own transcript."""
    path = lab.root / "demo.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [record["message"]["content"] for record in records if record["type"] == "user" and is_text(record)]


def is_text(record: dict) -> bool:
    return isinstance(record["message"]["content"], str) and not record["message"]["content"].startswith("[Request")


def send(lab: Lab, *options: str, text: str = "hello", check: bool = True) -> subprocess.CompletedProcess[str]:
    return lab.procy("send", "-t", lab.pane, *options, text, check=check)


@contextmanager
def frozen(lab: Lab) -> Iterator[None]:
    """The agent stands still, whatever it is at."""
    below = psutil.Process(int(lab.option("pane_pid"))).children(recursive=True)
    [pid] = [one.pid for one in below if one.cmdline()[1:] == ["-m", "procy.demo.agent"]]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def refused(lab: Lab, *words: str, options: tuple[str, ...] = ()) -> None:
    """``procy send`` says why not, with those words, and leaves the pane as it is."""
    before = lab.screen()
    done = send(lab, *options, text="should never arrive", check=False)
    assert done.returncode == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert "should never arrive" not in lab.screen(), f"{before}\n---\n{lab.screen()}"


def test_the_prompt_arrives_and_its_answer_comes_back(agent: Lab) -> None:
    done = send(agent, "--wait", "--json", text=LINES)
    told = json.loads(done.stdout)
    assert prompts(agent) == [LINES]
    assert told["proof"] == "transcript"
    [turn] = answered(agent)
    assert (turn["prompt"], turn["origin"], turn["id"]) == (LINES, "procy", told["turn"]["id"])
    assert told["turn"]["response"] == turn["response"] != ""
    [row] = agent.rows("SELECT * FROM injections")
    assert (row["status"], row["confirmed_by"], row["turn_id"]) == ("delivered", "transcript", turn["id"])


def test_the_origin_survives_a_rebuild(agent: Lab) -> None:
    send(agent, "--wait", text="hello")
    agent.type("hello")
    wait_until(lambda: [turn["status"] for turn in answered(agent)] == ["done", "done"], what="two answers")
    agent.procy("stop", "--all")
    agent.until_ended(str(answered(agent)[0]["session_id"]))
    agent.procy("rebuild", "--all")
    assert [turn["origin"] for turn in answered(agent)] == ["procy", "human"]


def test_a_busy_agent_is_left_alone_or_waited_for(agent: Lab) -> None:
    agent.type("hello")
    wait_until(lambda: agent.option("@procy_state") == "busy", what="busy")
    with frozen(agent):
        refused(agent, "busy", "--queue")
    send(agent, "--queue", "--wait", text="after that")
    assert prompts(agent) == ["hello", "after that"]


@contextmanager
def pressing(command: list[str]) -> Iterator[None]:
    """Somebody goes on pressing a key, however long it takes."""
    over = threading.Event()

    def press() -> None:
        while not over.wait(0.3):
            subprocess.run(command, check=True)

    thread = threading.Thread(target=press)
    subprocess.run(command, check=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_two_at_once_come_one_after_the_other(agent: Lab) -> None:
    threads = [threading.Thread(target=send, args=(agent, "--queue"), kwargs={"text": f"number {n}"}) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(prompts(agent)) == 3, what="three prompts")
    assert sorted(prompts(agent)) == [f"number {n}" for n in range(3)]


def test_one_that_is_on_its_way_keeps_others_back(agent: Lab) -> None:
    """Whatever the order of their tickets: a computer that sleeps may write an older one later."""
    path = spools(agent.places.spool)[-1].path
    with open(path / "send.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(agent, "another prompt is on its way", "--queue")


def test_the_limit_ends_the_waiting_and_not_the_run(agent: Lab) -> None:
    done = send(agent, "--wait", "--timeout", "0.2", check=False)
    assert done.returncode == 1 and "it goes on" in done.stderr
    wait_until(lambda: [turn["status"] for turn in answered(agent)] == ["done"], what="the answer")


def test_a_draft_is_left_alone(agent: Lab) -> None:
    agent.type("my own draft", enter=False)
    agent.wait_for("my own draft")
    refused(agent, "typed", "my own draft")


def test_who_types_in_the_pane_goes_first(agent: Lab, tmp_path: Path) -> None:
    """A key of an attached client, even one that leaves no trace in the composer, keeps procy's keys away."""
    outer = str(tmp_path / "outer")
    attach = ["env", "-u", "TMUX", "tmux", "-S", agent.socket, "attach"]
    size = ["-x", "100", "-y", "31"]  # the pane keeps its size: the demo agent draws nothing anew
    agent.tmux("set-option", "-g", "status", "off")
    subprocess.run(
        ["tmux", "-S", outer, "-f", os.devnull, "new-session", "-d", *size, *attach], env=agent.environment, check=True
    )
    try:
        wait_until(lambda: agent.tmux("list-clients"), what="an attached client")
        done = send(agent, "--queue", "--wait", "--timeout", "40", text="nobody types", check=False)
        assert done.returncode == 0, done.stderr
        with pressing(["tmux", "-S", outer, "send-keys", "Left"]):
            refused(agent, "somebody types")
    finally:
        subprocess.run(["tmux", "-S", outer, "kill-server"], check=False)


def test_never_in_copy_mode_nor_without_input_nor_paused(agent: Lab) -> None:
    agent.tmux("copy-mode", "-t", agent.pane)
    refused(agent, "copy mode")
    agent.tmux("send-keys", "-t", agent.pane, "-X", "cancel")
    agent.tmux("select-pane", "-d", "-t", agent.pane)
    refused(agent, "takes no input", "select-pane -e")
    agent.tmux("select-pane", "-e", "-t", agent.pane)
    agent.procy("pause", inside=True)
    refused(agent, "paused")


def test_never_into_a_shell(shell: Lab) -> None:
    shell.record()
    refused(shell, "shell", "bash")
    refused(shell, "shell", "bash", options=("--any-program",))


def test_never_into_a_pane_that_is_not_recorded(shell: Lab) -> None:
    shell.record()
    shell.procy("stop", "--all")
    refused(shell, "no recording")


def test_another_program_only_when_asked_for(lab: Lab) -> None:
    raw = "import sys, tty; tty.setraw(0); print('ready', flush=True)\n"
    raw += "while True: print(repr(sys.stdin.read(1)), end=' ', flush=True)"
    lab.start(sys.executable, "-c", raw)
    lab.wait_for("ready")
    lab.record()
    refused(lab, "no agent that procy knows", "--any-program")
    send(lab, "--any-program", text="xyz")
    lab.wait_for(r"'x' 'y' 'z' '\r'")
    send(lab, "--any-program", text="see @z")
    lab.wait_for(r"'@' 'z' ' ' '\r'")  # without the blank, Enter would complete the word
    recordings(lab.places)[0].change_meta(agent_pid=1)  # it was there all along and asked for no framed pastes
    done = send(lab, "--any-program", text="two\nlines", check=False)
    assert done.returncode == 1 and "each line" in done.stderr


def test_a_program_that_reads_lines_is_left_alone(lab: Lab) -> None:
    lab.start("cat")
    lab.record()
    refused(lab, "line by line", options=("--any-program",))


def test_what_does_not_show_is_not_sent(agent: Lab) -> None:
    """An agent that hangs draws nothing: no Enter, and the error says so."""
    with frozen(agent):
        done = send(agent, text="into the void", check=False)
    assert done.returncode == 1 and "not sent" in done.stderr
    agent.wait_for("into the void")
    assert prompts(agent) == []
    assert agent.rows("SELECT status FROM injections") == [{"status": "withheld"}]


def test_lines_reach_an_agent_that_recorded_itself(lab: Lab) -> None:
    """It asked for framed pastes before its recording began, and tmux before 3.7 does not tell that."""
    lab.environment["PROCY_DEMO_TRANSCRIPT"] = str(lab.root / "demo.jsonl")
    lab.start()
    lab.type(f"sh -c '{sys.executable} -m procy.demo.agent; true'")
    lab.wait_for("ctrl-d leaves")
    lab.record()
    lab.type("hello")
    wait_until(lambda: lab.option("@procy_state") == "idle", what="idle")
    recordings(lab.places)[0].change_meta(agent_pid=int(lab.option("pane_pid")))  # as the sidecar notes it
    send(lab, "--wait", text="first\nsecond")
    assert prompts(lab) == ["hello", "first\nsecond"]


def test_wrong_use_is_said(agent: Lab) -> None:
    assert agent.procy("send", "-t", agent.pane, check=False).returncode != 0
    assert "nothing to send" in send(agent, text=" \n\x1b ", check=False).stderr


KEEPS = r"""
import sys, tty
tty.setraw(0)
typed, taken = "", 0
while True:
    state = "blocked:kind=permission" if typed == "?" else "idle"
    print(f"\x1b]7501;state={state}:app=test\x07\x1b[2J\x1b[Htaken {taken}\r\n{'─' * 40}\r\n❯ {typed}", end="", flush=True)
    key = sys.stdin.read(1)
    typed, taken = (typed, taken + 1) if key == "\r" else (typed + key if key >= " " else "", taken)
"""


@pytest.fixture
def keeper(lab: Lab) -> Lab:
    """A program that procy takes for an agent, and that keeps its prompt whatever is pressed."""
    program = lab.root / "keeper.py"
    program.write_text(KEEPS)
    lab.start("sh", "-c", f"{sys.executable} {program} procy.demo.agent; PS1='❯ ' exec sh -i")
    lab.wait_for("taken 0")
    lab.record()
    lab.press("C-u")
    wait_until(lambda: lab.option("@procy_state") == "idle", what="idle")
    return lab


def sending(lab: Lab, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "procy", "send", "-t", lab.pane, *options, "touch x"]
    return subprocess.Popen(command, env=lab.environment, text=True, stderr=subprocess.PIPE)


def test_what_was_sent_before_an_interruption_is_not_called_withheld(keeper: Lab) -> None:
    one = sending(keeper)
    keeper.wait_for("taken 1")
    one.send_signal(signal.SIGINT)
    assert one.wait(20) == 130
    assert keeper.rows("SELECT status FROM injections") == [{"status": "unconfirmed"}]


def test_an_agent_that_asks_is_left_alone(keeper: Lab) -> None:
    keeper.type("?", enter=False)
    wait_until(lambda: keeper.option("@procy_state") == "waiting", what="a question")
    refused(keeper, "asks (permission)", "procy answer")


def test_no_key_reaches_copy_mode(keeper: Lab) -> None:
    one = sending(keeper)
    keeper.wait_for("taken 1")
    keeper.tmux("copy-mode", "-t", keeper.pane)
    assert "copy mode" in one.communicate(timeout=20)[1] and one.returncode == 1
    assert keeper.option("pane_in_mode") == "1"


def test_a_shell_that_comes_after_the_agent_gets_nothing(keeper: Lab) -> None:
    """Its prompt may look like the agent's composer."""
    keeper.type("my draft", enter=False)
    one = sending(keeper, "--queue")
    wait_until(lambda: list((spools(keeper.places.spool)[-1].path / "senders").glob("*")), what="a prompt that waits")
    below = psutil.Process(int(keeper.option("pane_pid"))).children(recursive=True)
    next(process for process in below if process.cmdline()[-1] == "procy.demo.agent").kill()
    words = one.communicate(timeout=20)[1]
    assert one.returncode == 1 and "not there any more" in words
    assert "touch x" not in keeper.screen()


def test_who_waits_is_told_when_the_recording_is_over(keeper: Lab) -> None:
    path = spools(keeper.places.spool)[-1].path
    (path / "senders").mkdir(mode=0o700)
    (path / "senders" / f"{1:020d}-{os.getpid()}").touch()
    one = sending(keeper, "--queue")
    wait_until(lambda: len(list((path / "senders").iterdir())) == 2, what="a prompt that waits")
    keeper.procy("stop", "--all")
    words = one.communicate(timeout=30)[1]
    assert one.returncode == 1 and "not recorded any more" in words and "Traceback" not in words


def test_a_program_that_cannot_be_seen_is_told_apart(lab: Lab) -> None:
    """Nothing shows that it took the prompt, so nobody says so."""
    lab.start(sys.executable, "-c", "import sys, tty; tty.setraw(0); print('ready', flush=True); sys.stdin.read()")
    lab.wait_for("ready")
    lab.record()
    done = send(lab, "--any-program", "--json")
    assert json.loads(done.stdout)["proof"] is None
    assert lab.rows("SELECT status, confirmed_by FROM injections") == [{"status": "unconfirmed", "confirmed_by": None}]


def test_a_shell_with_options_is_a_shell(lab: Lab) -> None:
    lab.start("bash", "--noprofile", "--rcfile", "/dev/null")
    wait_until(lambda: lab.screen().strip(), what="the shell's prompt")
    lab.record()
    refused(lab, "shell", options=("--any-program",))
