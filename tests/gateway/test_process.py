"""The gateway as a process of its own: started on demand, one at a time, killed and started again."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from procy.capture.locks import is_locked
from procy.gateway import address, launch
from procy.gateway.tokens import read_tokens
from tests.conftest import Lab, wait_until
from tests.gateway.lab import Heard, Upstream, reply

SETTINGS = """
[gateway]
claude_port = 0
codex_port = 0
openai_port = 0

[upstreams.here]
service = "claude"
base_url = "{url}"
active = true
"""


def answer(heard: Heard, out: socket.socket) -> None:
    if b"refuse" in heard.body:
        out.sendall(reply(b'{"error":{"message":"too many"}}', "429 Too Many"))
    else:
        out.sendall(reply(b'{"usage":{"input_tokens":7,"output_tokens":5}}'))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream(answer)
    yield upstream
    upstream.close()


@pytest.fixture
def lab(lab: Lab, upstream: Upstream) -> Iterator[Lab]:
    Path(lab.places.config).write_text(SETTINGS.format(url=upstream.url))
    yield lab
    with suppress(ProcessLookupError):
        launch.stop(lab.places)


def post(lab: Lab, port: int, body: bytes = b"{}") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", f"/p/{read_tokens(lab.places).general()}/v1/messages", body)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def test_start_status_logs_restart_stop(lab: Lab) -> None:
    assert "not running" in lab.procy("gateway", "status").stderr
    started = json.loads(lab.procy("gateway", "start", "--json").stdout)
    again = json.loads(lab.procy("gateway", "start", "--json").stdout)
    assert started["pid"] == again["pid"] and started["services"]["claude"]["active_config"] == "here"
    port = started["services"]["claude"]["port"]
    assert post(lab, port) == 200
    wait_until(lambda: lab.rows("SELECT 1 FROM exchanges WHERE outcome = 'ok'"))
    (row,) = json.loads(lab.procy("gateway", "logs", "--json").stdout)
    assert (row["upstream"], row["input_tokens"]) == ("here", 7)
    assert "nothing was switched yet" in lab.procy("gateway", "switches").stderr
    good = Path(lab.places.config).read_text()
    Path(lab.places.config).write_text(good + "\nnonsense = 1\n")
    status = lab.procy("gateway", "status")
    assert "the settings before stay in force" in status.stderr and "here" in status.stdout and post(lab, port) == 200
    Path(lab.places.config).write_text(good)
    assert "/messages" in lab.procy("gateway", "logs").stdout and "serving" in lab.procy("gateway", "logs", "--process").stdout
    other = json.loads(lab.procy("gateway", "restart", "--json").stdout)
    assert other["pid"] != started["pid"]
    lab.procy("gateway", "stop")
    assert address.running(lab.places) is None
    for name in os.listdir(lab.places.home):
        if name.startswith("gateway."):
            assert os.stat(os.path.join(lab.places.home, name)).st_mode & 0o077 == 0, name


def test_a_port_that_is_taken_is_said(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        path = Path(lab.places.config)
        path.write_text(path.read_text().replace("claude_port = 0", f"claude_port = {number}"))
        done = lab.procy("gateway", "start", check=False)
        assert done.returncode == 1 and str(number) in done.stderr and "claude_port" in done.stderr


def test_env_for_clients_that_cannot_add_headers(lab: Lab) -> None:
    """The address alone is enough."""
    text = lab.procy("gateway", "env", "claude").stdout
    found = text.strip().rpartition("=")[2].partition("//")[2]
    host, _, path = found.partition("/")
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("POST", f"/{path}/v1/messages", b"{}")
    assert connection.getresponse().status == 200
    for client in ("claude-vscode", "factory", "opencode"):
        json.loads(lab.procy("gateway", "env", client).stdout)


def test_build_body_and_quick_send(lab: Lab, upstream: Upstream) -> None:
    path = Path(lab.places.config)
    path.write_text(path.read_text().replace('"claude"', '"codex"'))
    body = json.loads(lab.procy("gateway", "build-body", "hi", "gpt-x", "--effort", "low").stdout)
    assert body["input"][0]["content"][0]["text"] == "hi" and body["reasoning"] == {"effort": "low"}
    done = lab.procy("gateway", "quick-send", "hello", "gpt-x")
    assert '"usage"' in done.stdout
    sent = upstream.heard[-1]
    assert sent.line.startswith("POST /v1/responses") and json.loads(sent.body)["input"][0]["content"][0]["text"] == "hello"
    wait_until(lambda: lab.rows("SELECT 1 FROM exchanges WHERE wire = 'openai-responses' AND outcome = 'ok'"))
    refused = lab.procy("gateway", "quick-send", "please refuse", "gpt-x", check=False)
    assert refused.returncode == 1 and "too many" in refused.stdout


@pytest.mark.faults
def test_a_writer_that_is_killed_again_and_again_loses_nothing(lab: Lab) -> None:
    found = launch.up(lab.places)
    calls = 0
    for _ in range(3):
        old = wait_until(lambda: [one.pid for one in psutil.Process(found.pid).children()], what="a writer")[0]  # type: ignore[index]
        for number in range(40):
            assert post(lab, found.ports["claude"]) == 200
            calls += 1
            if number == 20:
                os.kill(old, signal.SIGKILL)
    kept = "SELECT 1 FROM exchanges WHERE outcome = 'ok' AND error IS NULL"
    wait_until(lambda: len(lab.rows(kept)) == calls, 60, f"{calls} rows")
    assert not lab.rows("SELECT 1 FROM exchanges WHERE outcome IS NOT 'ok'")


def test_a_gateway_that_is_stopped_writes_what_waits(lab: Lab) -> None:
    """Its writer was killed a moment before, so that the gateway has it still."""
    found = launch.up(lab.places)
    writer = wait_until(lambda: psutil.Process(found.pid).children(), what="a writer")[0]  # type: ignore[index]
    writer.kill()
    for _ in range(5):
        assert post(lab, found.ports["claude"]) == 200
    launch.stop(lab.places)
    wait_until(lambda: len(lab.rows("SELECT 1 FROM exchanges WHERE outcome = 'ok'")) == 5, 20, "what waited")
    assert "ended" in Path(address.path_of(lab.places, "log")).read_text()


@pytest.mark.faults
def test_killed_under_load_it_loses_one_batch_at_most(lab: Lab) -> None:
    """What was answered more than a batch before the end is in the table; what was under way is marked as lost."""
    found = launch.up(lab.places)
    answered: list[int] = []
    halt = threading.Event()

    def load() -> None:
        while not halt.is_set():
            with suppress(OSError, http.client.HTTPException):
                if post(lab, found.ports["claude"]) == 200:
                    answered.append(1)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answered) > 200, 60)
    os.kill(found.pid, signal.SIGKILL)
    halt.set()
    for thread in threads:
        thread.join()
    wait_until(lambda: address.running(lab.places) is None)
    wait_until(lambda: not is_locked(address.path_of(lab.places, "recorder")), what="the writer writes what it has, and ends")
    kept = len(lab.rows("SELECT 1 FROM exchanges WHERE outcome = 'ok'"))
    again = launch.up(lab.places)
    assert again.pid != found.pid and post(lab, again.ports["claude"]) == 200
    wait_until(lambda: len(lab.rows("SELECT 1 FROM exchanges WHERE outcome = 'ok'")) == kept + 1)
    assert not lab.rows("SELECT 1 FROM exchanges WHERE outcome IS NULL")
    assert len(answered) - kept <= 500, f"{len(answered)} answered, {kept} kept"
    assert lab.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
