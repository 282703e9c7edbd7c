"""The clients under test, the server they talk to, and what the generic profile made of their screens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.install import ALL, CLIENTS, OTHERS, ClientUnavailable, install
from tests.clients.recording import SCREEN
from tests.model_server import ModelServer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`client` is each that the test says itself, else each that its marker names, else all of the marker's target."""
    own = any("client" in marker.args[0] for marker in metafunc.definition.iter_markers("parametrize"))
    if "client" in metafunc.fixturenames and not own:
        marker = metafunc.definition.get_closest_marker("clients_all")
        metafunc.parametrize("client", (marker.args or list(OTHERS)) if marker else list(CLIENTS))


@pytest.fixture
def executable(client: str) -> Path:
    try:
        return install(ALL[client])
    except ClientUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server
    assert not server.errors


def pytest_configure(config: Any) -> None:
    config.addinivalue_line("markers", "asks: the client asks for permission")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for client, rows in SCREEN.items():
        turns, prompts, answers = (sum(row[place] for row in rows) for place in (1, 2, 3))
        terminalreporter.section(f"{client} through the generic profile (screen only)")
        terminalreporter.line(
            f"{turns} turns: {prompts} prompts exact ({prompts / turns:.0%}), {answers} answers whole ({answers / turns:.0%})"
        )
        for script, count, found, whole in rows:
            if (found, whole) != (count, count):
                terminalreporter.line(f"  {script}: {found} of {count} prompts, {whole} of {count} answers")
