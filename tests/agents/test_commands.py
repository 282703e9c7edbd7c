"""Command lines: whose they are, and what procy makes of them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from procy.agents.claude_code import ClaudeCode
from procy.agents.codex import Codex
from procy.agents.commands import is_program, take_option
from procy.agents.demo import Demo
from procy.agents.generic import Generic
from procy.plugins import profile_of
from procy.types import PRIVATE_FILE, Profile


@pytest.mark.parametrize(
    ("command", "agent"),
    [
        ("claude", "claude-code"),
        ("/usr/local/bin/claude --resume x", "claude-code"),
        ("node /usr/lib/node_modules/@anthropic-ai/claude-code/cli.js", "claude-code"),
        ("node --max-old-space-size=99 /x/claude.mjs", "claude-code"),
        ("bun /home/me/.bun/bin/claude", "claude-code"),
        ("codex", "codex"),
        ("node /x/node_modules/@openai/codex/bin/codex.js resume --last", "codex"),
        ("codex app-server daemon", "generic"),
        ("/x/codex-linux-x64/codex exec hello", "codex"),
        ("bash", "generic"),
        ("vim claude", "generic"),
        ("python3.12 -m http.server", "generic"),
        ("sh -c /x/claude;exec\u00a0sh", "generic"),
        ("bash -lc claude", "generic"),
        ("node -e require('@anthropic-ai/claude-code')", "generic"),
        ("", "generic"),
    ],
)
def test_processes_are_known_by_what_they_run(command: str, agent: str) -> None:
    assert profile_of([word.replace("\u00a0", " ") for word in command.split(" ")]).name == agent


def test_a_script_counts_only_where_it_is_run() -> None:
    assert is_program(["env", "claude"], ("claude",))
    assert not is_program(["cat", "claude"], ("claude",))
    assert not is_program([], ("claude",))


def test_options_are_taken_out_with_their_values() -> None:
    assert take_option(["x", "--a", "1", "b", "--a=2", "--a"], "--a") == (("x", "b"), ["1", "2"])


@pytest.mark.parametrize(
    ("profile", "front"),
    [
        (ClaudeCode(), ("npx", "-y", "@anthropic-ai/claude-code")),
        (ClaudeCode(), ("node", "/x/claude.js")),
        (Codex(), ("node", "/x/node_modules/@openai/codex/bin/codex.js")),
        (Codex(), ("env", "A=b", "codex")),
    ],
)
def test_options_go_to_the_program_not_to_what_starts_it(profile: Profile, front: tuple[str, ...]) -> None:
    assert profile.owns((*front, "--model", "x"))
    for argv in (profile.launch((*front, "--model", "x"), HOOK).argv, profile.resume((*front, "--model", "x"), "ID")):
        assert argv[: len(front)] == front and argv[-2:] == ("--model", "x") and len(argv) > len(front) + 2


HOOK = ("sh", "hook.sh", "dir")
ID = "01a1f98b-31d3-7223-aad2-984a31ae9ee9"


def test_claude_gets_an_id_and_hooks_beside_the_users_own() -> None:
    mine = {"model": "x", "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "mine"}]}]}}
    launch = ClaudeCode().launch(("claude", "--settings", json.dumps(mine), "go on"), HOOK)
    settings = json.loads(launch.argv[launch.argv.index("--settings") + 1])
    assert settings["model"] == "x"
    assert [entry["hooks"][0]["command"] for entry in settings["hooks"]["Stop"]] == ["mine", "sh hook.sh dir"]
    assert launch.argv[launch.argv.index("--session-id") + 1] == launch.agent_session_id
    assert launch.argv[-1] == "go on" and launch.argv.count("--settings") == 1


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    """Writes a status line into one of the files of Claude Code that may have one: ``user``, ``project``, ``local``."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "user"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    files = {"user": "user/settings.json", "project": "work/.claude/settings.json", "local": "work/.claude/settings.local.json"}

    def put(place: str, line: object) -> None:
        path = tmp_path / files[place]
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"statusLine": line}))

    return put


def line(command: str) -> dict[str, object]:
    return {"type": "command", "command": command, "padding": 2}


def status_line(*words: str) -> object:
    """As Claude Code is told."""
    launch = ClaudeCode().launch(("claude", *words), HOOK)
    given = launch.argv[launch.argv.index("--settings") + 1]
    return json.loads(launch.private if given == PRIVATE_FILE else given).get("statusLine")


def test_claudes_status_line_is_heard_and_otherwise_the_users(settings: Callable[[str, object], None]) -> None:
    assert status_line() is None
    for place in ("user", "project", "local"):
        settings(place, line(f"echo 'from {place}'; # \"all\""))
        told = status_line()
        assert isinstance(told, dict) and told["padding"] == 2
        assert shlex.split(told["command"]) == [*HOOK, "--status", f"echo 'from {place}'; # \"all\""]
    assert "from user" in str(status_line("--setting-sources", "user"))
    assert "given" in str(status_line("--settings", json.dumps({"statusLine": line("given")})))


def test_what_a_file_holds_does_not_come_onto_the_command_line(settings: Callable[[str, object], None]) -> None:
    settings("user", line("echo secret"))
    launch = ClaudeCode().launch(("claude",), HOOK)
    assert "secret" not in str(launch.argv) and "secret" in launch.private


@pytest.mark.parametrize("odd", ["text", {"type": "command"}, {"command": 3}, []])
def test_a_status_line_that_is_none_is_left_to_claude(settings: Callable[[str, object], None], odd: object) -> None:
    settings("user", odd)
    assert status_line() is None


@pytest.mark.parametrize("words", [("--resume", "x"), ("-c",), ("--continue",), ("--session-id", "y")])
def test_claude_keeps_the_conversation_it_was_given(words: tuple[str, ...]) -> None:
    launch = ClaudeCode().launch(("claude", *words), HOOK)
    assert launch.agent_session_id == "" and launch.argv[-len(words) :] == words


@pytest.mark.parametrize(
    ("command", "resumed"),
    [
        ("codex --no-daemon -m o", "codex resume ID --no-daemon -m o"),
        ("codex resume --last -m o", "codex resume ID -m o"),
        ("codex fork 01a1f98b-31d3-7223-aad2-984a31ae9ee9 -m o", "codex resume ID -m o"),
    ],
)
def test_codex_resumes_with_the_options_it_had(command: str, resumed: str) -> None:
    assert Codex().resume(command.split(), "ID") == tuple(resumed.split())


def test_codex_runs_the_users_notify_after_ours() -> None:
    launch = Codex().launch(("codex", "-c", 'notify=["mine", "x"]', "hello"), HOOK)
    assert launch.argv == ("codex", "-c", 'notify=["sh", "hook.sh", "dir", "mine", "x"]', "hello")
    assert Codex().launch(("codex", "exec", "hi"), HOOK).argv == ("codex", "exec", "hi")


@pytest.mark.parametrize(
    ("profile", "command", "copy"),
    [
        (ClaudeCode(), "npx claude --session-id x -c --model m", "npx claude --resume ID --fork-session --model m"),
        (ClaudeCode(), "claude --resume y --fork-session", "claude --resume ID --fork-session"),
        (Codex(), "codex --no-daemon -m o", "codex fork -C . ID --no-daemon -m o"),
        (Codex(), "codex resume 01a1f98b-31d3-7223-aad2-984a31ae9ee9 -C /x", "codex fork -C . ID"),
        (
            Demo(),
            "python -m procy.demo.agent --resume x --seed 3",
            "python -m procy.demo.agent --seed 3 --resume ID --fork-session",
        ),
    ],
)
def test_a_copy_of_a_conversation_is_asked_for_in_each_agents_way(profile: Profile, command: str, copy: str) -> None:
    assert profile.fork(command.split(), "ID") == tuple(copy.split())
    assert profile.fork(copy.replace("ID", ID).split(), "ID") == tuple(copy.split()), "of a copy as well"
    again = profile.resume(copy.replace("ID", ID).split(), "ID")
    assert "--fork-session" not in again and "fork" not in again, "which is gone on with as itself"


def test_a_program_that_is_no_agent_has_no_conversation_to_copy() -> None:
    assert Generic().fork(("vim",), "ID") is None
