"""The filters of commands: the same options mean the same in each."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.shell_completion import CompletionItem
from click.testing import CliRunner

from procy.cli import cli
from procy.parse.redact import mask
from procy.store import tags, write
from procy.store.db import iso, open_writer
from procy.types import FileChange, Turn

NOW = 1_795_000_000_000_000_000
DAY = 86_400 * 10**9
SESSIONS = (  # name, agent, directory, repository, branch, days ago, file, tag
    ("one", "claude-code", "/home/you/shop", "/home/you/shop", "main", 1, "src/cart.py", "good"),
    ("two", "codex", "/home/you/shop/api", "/home/you/shop", "fast", 10, "src/api.py", ""),
    ("three", "claude-code", "/home/you/shopping", None, None, 40, "cart.py", ""),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("filters") / "procy.db")
    connection = open_writer(path)
    for name, agent, cwd, repo, branch, days, file, tag in SESSIONS:
        at_ns = NOW - days * DAY
        with write.transaction(connection):
            values = {"agent": agent, "name": name, "cwd": cwd, "repo": repo, "branch": branch, "status": "ended"}
            times = {"started_at": iso(at_ns), "ended_at": iso(at_ns)}
            write.put_session(connection, name, {**values, **times})
            files = (FileChange(path=file, change="modified"),)
            turn = Turn(key=name, prompt=f"needle {name}", status="done", started_ns=at_ns, ended_ns=at_ns, files=files)
            write.put_turn(connection, name, turn, mask, None)
            write.add_terminal_text(connection, name, 0, "needle on screen", mask)
            if tag:
                tags.add(connection, "session", name, tag, name, NOW)
    connection.close()
    return path


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ([], "one two three"),
        (["--agent", "claude"], "one three"),
        (["--agent", "claude-code"], "one three"),
        (["--dir", "/home/you/shop"], "one two"),
        (["--dir", "/home/you/shop/"], "one two"),
        (["--repo", "shop"], "one two"),
        (["--repo", "/home/you/shop", "--branch", "fast"], "two"),
        (["--since", iso(NOW - 20 * DAY)], "one two"),
        (["--since", iso(NOW - 20 * DAY), "--until", iso(NOW - 5 * DAY)], "two"),
        (["--file", "cart.py"], "one three"),
        (["--file", "src/cart.py"], "one"),
        (["--tag", "good"], "one"),
    ],
)
def test_every_command_narrows_alike(database: str, options: list[str], wanted: str) -> None:
    for command in ("sessions", "history", "search needle", "search -t needle"):
        done = CliRunner().invoke(cli, [*command.split(), *options, "--json", "--db", database])
        assert done.exit_code == 0, done.output
        assert sorted(row.get("session_id") or row["id"] for row in json.loads(done.stdout)) == sorted(wanted.split()), command


@pytest.mark.parametrize(
    ("option", "begun", "found"), [("agent", "cl", ["claude-code"]), ("tag", "", ["good"]), ("branch", "f", ["fast"])]
)
def test_values_are_completed(database: str, option: str, begun: str, found: list[str]) -> None:
    command = cli.get_command(click.Context(cli), "sessions")
    assert command
    context = click.Context(command)
    context.params["db"] = database
    (parameter,) = (one for one in command.params if one.name == option)
    assert [one.value for one in parameter.shell_complete(context, begun)] == found
    assert all(isinstance(one, CompletionItem) for one in parameter.shell_complete(context, begun))


def test_what_is_no_date_is_said(database: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["history", "--since", "yesterdayish", "--db", database])
    assert done.exit_code == 2 and "neither a date" in done.stderr
