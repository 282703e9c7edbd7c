"""Prints what the generic profile made of the real clients' screens."""

from __future__ import annotations

from typing import Any

from tests.clients.recording import SCREEN


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
