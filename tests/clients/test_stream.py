"""Both real clients as streams: what they are sent and say passes unchanged, is recorded, and they restart when asked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from procy.parse.streams.stamp import read_stamped
from tests.clients.homes import HOMES, Home
from tests.conftest import Lab, wait_until
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients
OWN = {"claude": (), "codex": ("-m", "scripted")}  # words of the tests' model


class Stage:
    """A client's home, and a data directory of procy beside it."""

    def __init__(self, lab: Lab, home: Home, executable: Path) -> None:
        self.lab, self.home = lab, home
        programs = lab.root / "programs"
        programs.mkdir()
        (programs / home.client).symlink_to(executable)
        path = f"{programs}:{Path(sys.executable).parent}:{home.env['PATH']}"
        own = {"PROCY_HOME": lab.places.home, "PROCY_CONFIG": lab.places.config, "PATH": path}
        self.environment = {**home.env, **own}
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        program = subprocess.Popen(words, env=self.environment, cwd=self.home.work, stdin=pipe, stdout=pipe, stderr=pipe)
        self.started.append(program)
        return program

    def run(self, *words: str, sent: bytes) -> tuple[list[dict[str, Any]], str, int]:
        program = self.start(*words)
        out, err = program.communicate(sent, 120)
        return [json.loads(line) for line in out.splitlines()], err.decode(), program.returncode

    def stop(self) -> None:
        for program in self.started:
            if program.poll() is None:
                program.kill()
            program.wait()
            for file in (program.stdin, program.stdout, program.stderr):
                if file and not file.closed:
                    file.close()


@pytest.fixture
def stage(client: str, executable: Path, server: ModelServer, lab: Lab, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(lab, HOMES[client](tmp_path / "client", executable, server.url), executable)
    yield stage
    stage.stop()


def user(text: str) -> bytes:
    return json.dumps({"type": "user", "message": {"role": "user", "content": text}}).encode() + b"\n"


def answers(lines: list[dict[str, Any]]) -> list[str]:
    blocks = [block for line in lines if line["type"] == "assistant" for block in line["message"]["content"]]
    return [block["text"] for block in blocks if block["type"] == "text"]


NAMES = {"claude": "claudix4", "codex": "codexx4"}


def test_a_client_answers_all_restarts_and_is_recorded(stage: Stage, client: str) -> None:  # D1, D2
    order = json.dumps({"_CLAUDIX_": "RESTART", **json.loads(user("afterwards"))}).encode() + b"\n"
    sent = user("first\nrun: echo made > made.txt") + user("second") + user("third") + order + user("last")
    lines, words, status = stage.run(NAMES[client], *OWN[client], sent=sent)
    said = "\n".join(answers(lines))
    assert status == 0 and "restarted; new PID" in words
    assert all(text in said for text in ("second", "afterwards", "last")) and (stage.home.work / "made.txt").exists()
    assert len({line["session_id"] for line in lines if line.get("session_id")}) == 2
    assert not [line for line in lines if line.get("isReplay") or line["type"] == "command_lifecycle"], "those were for us"
    turns = stage.lab.until_turns(5, 30)
    prompts = [str(turn["prompt"]).split("\n")[0] for turn in turns]
    assert prompts == ["first", "second", "third", "afterwards", "last"]
    assert {turn["source"] for turn in turns} == {"stream"} and sum(int(str(turn["output_tokens"] or 0)) for turn in turns) > 0
    calls = stage.lab.rows("SELECT name, status FROM tool_calls")
    assert calls == [{"name": "Bash", "status": "ok"}]


def test_a_tool_does_not_outlive_its_client(stage: Stage, client: str) -> None:  # D10, D11
    program = stage.start(NAMES[client], *OWN[client])
    assert program.stdin and program.stdout
    program.stdin.write(user("run: python3 -c 'import time; time.sleep(4321)'"))
    program.stdin.flush()
    wait_until(lambda: sleeping(stage.lab), 60, "the tool")
    program.send_signal(signal.SIGTERM)
    assert program.wait(60) == 143
    wait_until(lambda: not sleeping(stage.lab), 30, "the tool's end")


def sleeping(lab: Lab) -> bool:
    """Whether a process of this test runs the tool's command."""
    home = lab.places.home.encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"time.sleep(4321)\0" in (folder / "cmdline").read_bytes() and home in (folder / "environ").read_bytes():
                return True
    return False


@pytest.mark.parametrize("client", ["claude"])
def test_a_bad_line_is_refused_and_ends_nothing(stage: Stage) -> None:  # D20
    lines, _, status = stage.run("procy", "stream", "claude", "--validate", sent=b"{bad\n" + user("good"))
    assert status == 0 and lines[0]["subtype"] == "refused" and "good" in answers(lines)[0]
    assert stage.run("procy", "stream", "claude", sent=b"{bad\n")[2] == 1


@pytest.mark.parametrize("client", ["claude"])
def test_an_interrupt_ends_the_turn_and_a_resumed_conversation_goes_on(stage: Stage) -> None:
    program = stage.start("procy", "stream", "claude", "--restartable", "--name", "it")
    assert program.stdin and program.stdout
    program.stdin.write(user("wait 60"))
    program.stdin.flush()
    first = json.loads(program.stdout.readline())
    while first.get("subtype") != "init":
        first = json.loads(program.stdout.readline())
    ctl = ("procy", "stream", "ctl", "restart", "and on", "--session", "it", "--policy", "interrupt", "--start", "resume")
    done = subprocess.run(ctl, env=stage.environment, capture_output=True, timeout=90)
    assert done.returncode == 0, done.stderr
    program.stdin.close()
    lines = [json.loads(line) for line in program.stdout]
    assert "and on" in answers(lines)[-1] and lines[-1]["session_id"] == first["session_id"]
    assert program.wait(60) == 0 and not [line for line in lines if line["type"] == "control_response"]
    assert [turn["status"] for turn in stage.lab.until_turns(2, 30)] == ["interrupted", "done"]


@pytest.mark.parametrize("client", ["claude"])
def test_a_sub_agent_becomes_a_session_below_its_parent(stage: Stage) -> None:
    lines, words, status = stage.run("procy", "stream", "claude", sent=user("agent: run: echo from below"))
    assert status == 0, words
    theirs = [line for line in lines if line.get("parent_tool_use_id")]
    assert theirs, "the client tells of its sub-agent"
    ended = lambda: stage.lab.rows("SELECT * FROM sessions WHERE status = 'ended' ORDER BY parent_id")  # noqa: E731
    parent, child = wait_until(lambda: found if len(found := ended()) == 2 else None, 60)  # type: ignore[misc]
    assert (child["parent_id"], child["origin"], parent["parent_id"]) == (parent["id"], "stream", None)
    turns = {row["session_id"]: row for row in stage.lab.rows("SELECT * FROM turns ORDER BY seq DESC")}
    of_child = turns[child["id"]]
    assert (of_child["prompt"], of_child["status"], of_child["source"]) == ("run: echo from below", "done", "stream")
    assert "from below" in str(of_child["response"])
    calls = {(row["turn_id"], row["name"]) for row in stage.lab.rows("SELECT turn_id, name FROM tool_calls")}
    assert calls == {(of_child["id"], "Bash"), (turns[parent["id"]]["id"], "Agent")}


@pytest.mark.parametrize("client", ["codex"])
def test_codexs_own_lines_pass_and_are_understood(stage: Stage) -> None:
    words = ("exec", "--json", "--skip-git-repo-check", "hello there\nrun: echo x")
    lines, _, status = stage.run("procy", "stream", "--", "codex", *words, sent=b"")
    assert status == 0 and lines[0]["type"] == "thread.started" and lines[-1]["type"] == "turn.completed"
    turn = stage.lab.until_turns(1, 30)[0]
    assert str(turn["prompt"]).startswith("hello there") and turn["status"] == "done" and turn["output_tokens"]
    assert stage.lab.rows("SELECT name, status FROM tool_calls") == [{"name": "Bash", "status": "ok"}]


@pytest.mark.parametrize("client", ["codex"])
def test_codexs_own_protocol_passes_byte_for_byte_and_becomes_turns(stage: Stage) -> None:
    program = stage.start("procy", "stream", "--", "codex", "app-server")
    assert program.stdin and program.stdout
    sent, said = [], []

    def ask(**record: object) -> None:
        sent.append(json.dumps(record).encode() + b"\n")
        program.stdin.write(sent[-1])
        program.stdin.flush()

    def until(name: str, value: object) -> dict[str, Any]:
        while line := program.stdout.readline():
            said.append(line)
            if (record := json.loads(line)).get(name) == value:
                return record
        raise AssertionError(f"no {name} {value}: {said}")

    ask(id=1, method="initialize", params={"clientInfo": {"name": "test", "title": "a test", "version": "1"}})
    until("id", 1)
    ask(method="initialized")
    wish = {"cwd": str(stage.home.work), "model": "scripted", "approvalPolicy": "never", "sandbox": "danger-full-access"}
    ask(id=2, method="thread/start", params=wish)
    thread = until("id", 2)["result"]["thread"]["id"]
    for number, text in enumerate(("hello there\nrun: echo x", "and again"), 3):
        ask(id=number, method="turn/start", params={"threadId": thread, "input": [{"type": "text", "text": text}]})
        until("method", "turn/completed")
    program.stdin.close()
    said.append(program.stdout.read())
    assert program.wait(60) == 0
    turns = stage.lab.until_turns(2, 60)
    assert [(str(turn["prompt"]).split("\n")[0], turn["status"]) for turn in turns] == [
        ("hello there", "done"),
        ("and again", "done"),
    ]
    assert all(turn["output_tokens"] and turn["agent_session_id"] == thread for turn in turns)
    assert stage.lab.rows("SELECT name, status FROM tool_calls") == [{"name": "Bash", "status": "ok"}]
    wait_until(lambda: stage.lab.rows("SELECT 1 FROM sessions WHERE status = 'ended'"), 60)
    kept = [read_stamped(as_bytes(row["line"])) for row in stage.lab.rows("SELECT line FROM transcript_lines ORDER BY offset")]
    for side, passed in (("<", b"".join(said)), (">", b"".join(sent))):
        assert b"".join(one.line + b"\n" for one in kept if one and one.side == side) == passed


def as_bytes(line: object) -> bytes:
    return line if isinstance(line, bytes) else str(line).encode()


@pytest.mark.parametrize("client", ["codex"])
def test_codex_without_a_server_answers_by_exec(stage: Stage, executable: Path) -> None:
    program = stage.lab.root / "programs" / "codex"
    program.unlink()
    program.write_text(f'#!/bin/sh\nfor word; do [ "$word" = app-server ] && exit 2; done\nexec {executable} "$@"\n')
    program.chmod(0o755)
    lines, words, status = stage.run("procy", "stream", "codex", sent=user("one") + user("next"))
    assert status == 0 and "using codex exec" in words
    assert [text.split(": ")[1] for text in answers(lines)] == ["one", "next"]
    assert len({line["session_id"] for line in lines}) == 1, "the second goes on with the thread of the first"
    assert len({line["usage"]["output_tokens"] for line in lines if line["type"] == "result"}) == 1, "each tells of its turn"


@pytest.mark.skipif("PROCY_LPROC" not in os.environ, reason="PROCY_LPROC names no lproc.py")
@pytest.mark.parametrize("client", ["claude"])
def test_lproc_runs_our_proxies(stage: Stage, tmp_path: Path) -> None:  # S1
    folder = tmp_path / "lproc"
    shutil.copytree(Path(os.environ["PROCY_LPROC"]).parent, folder)
    assert stage.start("procy", "stream", "install-proxies", str(folder / "proxies")).wait(30) == 0
    lproc = (sys.executable, str(folder / "lproc.py"))
    assert stage.start(*lproc, "-s", "c4", "[proxies/claudix4.py]").wait(60) == 0
    line = tmp_path / "line"
    line.write_bytes(user("through lproc"))
    try:
        words = [*lproc, "-a", "1", "c4"]
        done = subprocess.run(words, env=stage.environment, cwd=stage.home.work, input=line.read_bytes(), timeout=60)
        assert done.returncode == 0
        assert "through lproc" in str(stage.lab.until_turns(1, 60)[0]["response"])
    finally:
        stage.start(*lproc, "-k", "c4").wait(60)
