"""The user's editor: that it is used, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from procy.errors import ProcyError
from procy.popups.editor import edit, find_editor
from tests.conftest import Lab


@pytest.fixture(autouse=True)
def no_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_what_the_editor_makes_of_it_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", script(tmp_path / "add", 'echo "$1" >> "$2"') + " more")
    assert edit("a prompt\n") == "a prompt\nmore\n"
    monkeypatch.setenv("VISUAL", script(tmp_path / "leave", ":"))
    assert edit("a prompt\n") is None
    assert edit("a prompt\n", require_save=False) == "a prompt\n"


def test_without_an_editor_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "emacs-of-nobody -nw")
    with pytest.raises(ProcyError, match=r"'emacs-of-nobody' is not installed\. Set EDITOR"):
        find_editor()
    monkeypatch.setenv("EDITOR", script(tmp_path / "fail", "exit 3"))
    with pytest.raises(ProcyError, match="ended with an error"):
        edit("a prompt")
    monkeypatch.delenv("EDITOR")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProcyError, match=r"there is no editor\. Set EDITOR"):
        find_editor()


def test_a_correction_without_an_editor_interrupts_nothing(agent: Lab) -> None:
    agent.environment["EDITOR"] = "emacs-of-nobody"
    agent.environment.pop("VISUAL", None)
    done = agent.procy("correct", "here:1", check=False)
    assert done.returncode == 1 and done.stderr.strip().endswith("Set EDITOR to one that is there, as in EDITOR=nano")
    assert not agent.rows("SELECT 1 FROM corrections")
