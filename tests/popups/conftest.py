"""A recorded agent's pane, and a second pane of a popup's size in which its programs run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from procy.store import write
from procy.store.db import iso, open_writer
from procy.types import FileChange, ToolCall, Turn, Usage
from tests.conftest import Lab, wait_until

NOW = 1_795_175_000_000_000_000
MINUTE = 60_000_000_000
ANSWER = """The parser split at **every** equals sign.

```python
name, _, value = line.partition("=")
```

And to run it:

```sh
pytest -q
tail -n 1 log
```

All 42 tests pass."""


def put_session(lab: Lab, name: str, turns: list[Turn], **values: object) -> None:
    """A session that was recorded earlier."""
    connection = open_writer(lab.places.db)
    with write.transaction(connection):
        facts = {
            "agent": "claude-code",
            "name": name,
            "status": "ended",
            "started_at": iso(NOW),
            "ended_at": iso(NOW + 99 * MINUTE),
        }
        write.put_session(connection, name.upper().ljust(26, "0"), {**facts, "cwd": str(lab.work), **values})
        for turn in turns:
            write.put_turn(connection, name.upper().ljust(26, "0"), turn, lambda text: text, 0.25)
    connection.close()


def turn(number: int, prompt: str, response: str = "Done.", **more: object) -> Turn:
    usage = Usage(input=1200, output=840, cache_read=48_200)
    started = NOW + number * MINUTE
    values = {"status": "done", "ended_ns": started + 42_000_000_000, "model": "opus", "usage": usage, **more}
    return Turn(key=f"key-{number}", prompt=prompt, response=response, started_ns=started, **values)  # type: ignore[arg-type]


def sample(lab: Lab) -> None:
    """Four prompts: one here and long, one here and equal to an older one, one elsewhere."""
    call = ToolCall(
        key="c", name="Bash", input='{"command": "pytest -q"}', result="42 passed\nin 3 s", status="ok", duration_ms=3100
    )
    fail = ToolCall(key="d", name="Bash", input='{"command": "false"}', result="exit 1", status="error")
    file = FileChange(path=str(lab.work / "parse.py"), change="modified", diff="-a\n+b\n")
    put_session(
        lab,
        "here",
        [
            turn(
                1,
                "Fix the parser for values with equals signs\n\nand keep the old tests.",
                ANSWER,
                tool_calls=(call, fail),
                files=(file,),
            ),
            turn(3, "Explain the build", status="interrupted"),
            turn(5, "Größe 日本語 als Überschrift \x1b[31mred\x07", ANSWER),
        ],
    )
    put_session(lab, "elsewhere", [turn(2, "Explain the build"), turn(6, "Rename the flag everywhere")], cwd="/srv/other")


class Popup:
    """A pane beside the agent's in which a popup program runs, as tmux runs it: with TMUX and without TMUX_PANE."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.pane = ""

    def run(self, *arguments: str, columns: int = 100, rows: int = 30) -> None:
        size = ("-x", str(columns), "-y", str(rows))
        command = ("env", "-u", "TMUX_PANE", "procy", *arguments)
        self.pane = self.lab.tmux("new-session", "-d", "-P", "-F", "#{pane_id}", *size, "-c", "/", "--", *command).strip()
        self.lab.tmux("set-option", "-p", "-t", self.pane, "remain-on-exit", "on")

    def screen(self) -> str:
        return self.lab.tmux("capture-pane", "-p", "-t", self.pane)

    def press(self, *keys: str) -> None:
        self.lab.tmux("send-keys", "-t", self.pane, *keys)

    def type(self, text: str) -> None:
        self.lab.tmux("send-keys", "-t", self.pane, "-l", "--", text)

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.screen(), what=f"{text!r} on the popup:\n{self.screen()}")

    def until_left(self) -> None:
        form = "#{pane_dead}"
        wait_until(
            lambda: self.lab.tmux("display-message", "-p", "-t", self.pane, form).strip() == "1",
            what=f"its end:\n{self.screen()}",
        )


@pytest.fixture
def agent(lab: Lab) -> Lab:
    """A lab in whose pane something waits that is no shell and shows what it gets."""
    lab.environment["PS1"] = "$ "
    lab.start("cat", "-v")
    sample(lab)
    return lab


@pytest.fixture
def popup(agent: Lab) -> Iterator[Popup]:
    yield Popup(agent)
