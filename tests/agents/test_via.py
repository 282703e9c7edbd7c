"""Agents that go through the gateway: by their own settings, and with nothing secret in a command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from procy.agents.claude_code import ClaudeCode
from procy.agents.codex import Codex
from procy.agents.generic import Generic
from procy.types import PRIVATE_FILE, Endpoint

ENDPOINT = Endpoint("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "SESSION-token")
HOOK = ("hook",)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_claude_code_by_a_private_file_that_keeps_what_was_given() -> None:
    way = ClaudeCode().via(("claude", "--settings", '{"env":{"A":"b"},"model":"x"}', "--model", "y"), ENDPOINT)
    launch = ClaudeCode().launch(way.argv, HOOK)
    told = json.loads(launch.private)
    assert told["env"] == {"A": "b", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1/p/SESSION-token"} and told["model"] == "x"
    assert PRIVATE_FILE in launch.argv and "token" not in " ".join(launch.argv)
    assert ("ANTHROPIC_BASE_URL", "http://127.0.0.1:1/p/SESSION-token") in way.environment


@pytest.mark.parametrize(
    ("config", "words", "wanted"),
    [
        ("", (), ("model_providers.procy", 'model_provider="procy"')),
        ('model_provider = "mine"\n[model_providers.mine]\nbase_url = "x"', (), ("model_providers.mine.base_url",)),
        ('[model_providers.mine]\nbase_url = "x"', ("-c", 'model_provider="mine"'), ("model_providers.mine.base_url",)),
        (
            '[profiles.p]\nmodel_provider = "mine"\n[model_providers.mine]\n',
            ("--profile", "p"),
            ("model_providers.mine.base_url",),
        ),
    ],
)
def test_codex_keeps_its_provider(home: Path, config: str, words: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    (home / "config.toml").write_text(config)
    way = Codex().via(("codex", *words, "say hi"), ENDPOINT)
    line = " ".join(Codex().launch(way.argv, HOOK).argv)
    assert all(one in line for one in wanted) and "http://127.0.0.1:2/v1" in line and line.endswith("say hi")
    assert "token" not in line.replace("x-procy-token", "") and way.environment == (("PROCY_GATEWAY_TOKEN", "SESSION-token"),)


def test_any_other_program_by_the_variables_that_most_know() -> None:
    way = Generic().via(("aider",), ENDPOINT)
    assert dict(way.environment)["OPENAI_BASE_URL"] == "http://127.0.0.1:3/p/SESSION-token/v1" and way.argv == ("aider",)
