"""``procy doctor`` about the gateway: the check is called as it is, beside a real gateway where one is needed."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from procy.cli.doctor_gateway import check_gateway
from procy.gateway import address, launch
from procy.places import Places, make_home
from tests.conftest import wait_until

PORTS = "[gateway]\nclaude_port = {0}\ncodex_port = 0\nopenai_port = 0\n"
UPSTREAM = '[upstreams.here]\nservice = "claude"\nbase_url = "http://127.0.0.1:9/v1"\n'


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    home = tmp_path / "home"
    places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(tmp_path / "config.toml"))
    make_home(places)
    yield places
    with suppress(ProcessLookupError):
        launch.stop(places)


def found(places: Places, *settings: str) -> list[tuple[str, str, str]]:
    Path(places.config).write_text("\n".join(settings))
    return [(one.level, one.what, one.remedy) for one in check_gateway(places)]


def test_without_upstreams_nothing_is_asked_for(places: Places) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ((level, what, _),) = found(places, PORTS.format(taken.getsockname()[1]))
    assert level == "ok" and "not in use" in what


def test_a_port_that_another_has_is_a_problem(places: Places) -> None:
    settings = UPSTREAM + "active = true\n"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        ((level, what, remedy),) = found(places, PORTS.format(number), settings)
        assert level == "problem" and f"port {number} for claude" in what and "claude_port" in remedy
    ((level, what, _),) = found(places, PORTS.format(0), settings)
    assert level == "ok" and "not running" in what


def test_settings_with_which_calls_are_refused(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    told = found(
        places, PORTS.format(0), 'filters = [{find = "(", regex = true}]', UPSTREAM, 'key = {env = "NO_SUCH_KEY"}',
    )  # fmt: skip
    words = [(level, what) for level, what, _ in told]
    assert [level for level, _ in words] == ["ok", "note", "note", "problem"]
    assert "no upstream of claude is active" in words[1][1] and "NO_SUCH_KEY" in words[2][1]
    assert "filter 1 is broken, calls are refused" in words[3][1]


def test_a_gateway_that_runs_and_one_that_hangs(places: Places) -> None:
    settings = UPSTREAM + "active = true\n"
    Path(places.config).write_text(PORTS.format(0) + settings)
    running = launch.up(places)
    wait_until(lambda: os.path.exists(places.db))
    ((level, what, _),) = found(places, PORTS.format(0), settings)
    assert level == "ok" and f"process {running.pid}, claude on {running.ports['claude']}" in what
    other = next(port for port in (3999, 4999) if port not in running.ports.values())
    told = found(places, PORTS.format(other), settings)
    assert [level for level, *_ in told] == ["ok", "note"] and f"the settings say {other}" in told[1][1]
    assert told[1][2] == "procy gateway restart"
    os.kill(running.pid, signal.SIGSTOP)
    try:
        hung = found(places, PORTS.format(0), settings)
        assert hung[0][0] == "problem" and f"process {running.pid}) does not answer" in hung[0][1]
    finally:
        os.kill(running.pid, signal.SIGCONT)
    assert address.running(places)
