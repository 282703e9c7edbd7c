"""Both real clients asked for a prompt in their headless mode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from procy.errors import ProposerError
from procy.evolve.proposers.agent import AgentProposer
from procy.evolve.templates import Templates
from tests.clients.homes import HOMES, Home
from tests.evolve.briefs import brief
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients


@pytest.fixture
def home(client: str, executable: Path, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = HOMES[client](tmp_path, executable, server.url)
    for name, value in home.env.items():
        monkeypatch.setenv(name, value)
    return home


def test_a_client_writes_a_prompt_and_nothing_else(home: Home, tmp_path: Path) -> None:
    told = tmp_path / "told"
    hooks = {"Stop": [{"hooks": [{"type": "command", "command": f"touch {told}"}]}]}
    words = {
        "claude": ["--dangerously-skip-permissions", "--model", "sonnet", "--settings", json.dumps({"hooks": hooks})],
        "codex": ["-c", f"notify={json.dumps(['touch', str(told)])}", "resume", "--last"],
    }
    proposer = AgentProposer([*home.command, *words[home.client]], Templates(), 60)
    found = proposer.propose(brief(cwd=str(home.work)))
    assert found.prompt.startswith("Received ") and "You direct a coding agent." in found.prompt, "the scripted model's echo"
    proposer.propose(brief(cwd=str(home.work), goal="Write it down.\nwrite: here.txt\n"))
    assert not told.exists() and not list(home.work.iterdir()) and not home.transcript_files()


def test_a_client_that_is_not_logged_in_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY" if home.client == "claude" else "SCRIPTED_KEY")
    with pytest.raises(ProposerError, match=r"failed \(exit status 1\): (Not logged in|ERROR: Missing environment variable)"):
        AgentProposer(home.command, Templates(), 60).propose(brief(cwd=str(home.work)))
