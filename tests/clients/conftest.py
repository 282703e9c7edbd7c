"""The clients under test, the server they talk to, and what the generic profile made of their screens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.install import CLIENTS, ClientUnavailable, install
from tests.clients.recording import SCREEN
from tests.model_server import ModelServer


@pytest.fixture(params=list(CLIENTS))
def client(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def executable(client: str) -> Path:
    try:
        return install(CLIENTS[client])
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
