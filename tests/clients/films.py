"""Real agents, filmed: what their terminal showed and what their own transcript tells, as a recording for the screen reader.

    python -m tests.clients.films FOLDER [AGENT[-LOOK] [FILM …]]

writes `FILM.cast.xz` (asciicast v3) and `FILM.truth.json` into FOLDER/<agent>/<version>/<look>/. A look is a way in which
the agent draws: `full` on the alternate screen, `inline` below the shell's prompt. Some have only one.
"""

from __future__ import annotations

import json
import lzma
import shlex
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from procy.capture.transcript import read_lines
from procy.plugins import profile_named
from procy.recording.transcripts import new_reader
from procy.types import Turn
from tests.model_server import ModelServer

from . import scripts
from .driver import Driver, NotReached
from .homes import HOMES, Home
from .install import ALL, install

PROFILES = {"claude": "claude-code", "codex": "codex", "gemini": "gemini-cli", "qwen": "qwen-code"}  # others are called the same
LOOKS = {name: ("full", "inline") for name in ("claude", "codex")} | {
    "gemini": ("inline",), "qwen": ("full",), "opencode": ("full",), "aider": ("inline",),
}  # fmt: skip
WITHOUT = {  # scripts that an agent has no use for, or no way to do
    "gemini": ("queued", "folded"), "qwen": ("queued", "folded"),
    "opencode": ("queued", "folded", "interrupted_tool", "edited_input"),
    "aider": ("queued", "folded", "interrupted_tool", "two_tools", "tool_output", "work 3"),
}  # fmt: skip


@dataclass(frozen=True)
class Film:
    """What the user does, and in a terminal of which size. `kept`: a film that nobody looks at while the reader is changed."""

    columns: int
    rows: int
    play: Callable[[Driver], None]
    kept: bool = False


def can(driver: Driver, name: str) -> bool:
    return name not in WITHOUT.get(driver.home.client, ()) and not (driver.home.client == "aider" and name.startswith("run:"))


def say(driver: Driver, *prompts: str) -> None:
    for prompt in (prompt for prompt in prompts if can(driver, prompt)):
        if "\n" in prompt:
            driver.paste(prompt)
            driver.finish(60)
        else:
            driver.ask(prompt, 60)
        time.sleep(1.3)


def script(driver: Driver, *names: str) -> None:
    for name in (name for name in names if can(driver, name)):
        scripts.SCRIPTS[name](driver)
        time.sleep(1.3)


def queued(driver: Driver) -> None:
    """The second prompt waits until the first is answered. Not every look has a word for that."""
    if not can(driver, "queued"):
        return
    ended = driver.heard().ended
    driver.type("slow 4")
    driver.enter()
    driver.until_screen("slow line 3")
    driver.type("queued prompt")
    driver.enter(driver.home.queue_key)
    driver.until_ended(ended + 2)
    time.sleep(1.3)


WRAPPING = (
    "Please tell me in some detail how the reader of a terminal finds out which rows belong together when a long question such "
    "as this one does not fit into a single row, and what it does about words that stand at the border of two rows"
)
LISTED = "Here is what I want:\n\n- first this\n- then that\n\n    indented code\n\nand answer with\nmixed 2"
PATHS = "Look at src/procy/parse/dialogue.py:10-20 and `git diff --stat` -- then say: is 3 > 2, or <b>not</b>? $HOME *stars* #tag"
UNICODE = scripts.UNICODE_PROMPT


def talk(driver: Driver) -> None:
    say(driver, "hello there", "plain 1", WRAPPING, "mixed 1", scripts.INDENTED, LISTED, UNICODE, "plain 2")


def tools(driver: Driver) -> None:
    script(driver, "two_tools", "written_file", "tool_output", "thinking")
    say(driver, "run: echo hello; seq 12", "work 3", "run: printf 'a\\n\\nb\\n'; exit 3")


def busy(driver: Driver) -> None:
    queued(driver)
    script(driver, "interrupted", "folded", "interrupted_tool", "failed", "edited_input")


def long(driver: Driver) -> None:
    say(driver, "long 100", "plain 4")
    script(driver, "pasted_300_lines")
    say(driver, "mixed 3", "big 6")


def resized(driver: Driver) -> None:
    say(driver, "plain 5", "mixed 4")
    driver.tmux("resize-window", "-t", driver.pane, "-x", "90", "-y", "30")
    time.sleep(1)
    say(driver, "after the resize", "plain 6")
    driver.tmux("resize-window", "-t", driver.pane, "-x", "120", "-y", "40")
    time.sleep(1)
    say(driver, WRAPPING, "mixed 5")


def unseen(driver: Driver) -> None:
    again = "Tell me once more and at greater length what has changed, " * 4 + "please"
    say(driver, "good morning", "mixed 11", again, "plain 12", "First\n\n1. one\n2. two\n\nplain 13", "long 60")
    say(driver, "work 14", "two: date -u +%Y ;; seq 12", "日本語の質問です", "mixed 15")
    script(driver, "interrupted")
    queued(driver)
    say(driver, "plain 16", "thanks")


FILMS = {
    "talk": Film(120, 40, talk),
    "narrow": Film(80, 24, talk),
    "tools": Film(100, 30, tools),
    "busy": Film(120, 40, busy),
    "long": Film(80, 30, long),
    "resized": Film(120, 40, resized),
    "unseen": Film(110, 35, unseen, kept=True),
    "unseen-narrow": Film(84, 28, unseen, kept=True),
}


def shoot(agent: str, look: str, name: str, folder: Path) -> None:
    film = FILMS[name]
    with ModelServer() as server, tempfile.TemporaryDirectory(prefix="procy-film-") as root:
        home = HOMES[agent](Path(root), install(ALL[agent]), server.url, inline=look == "inline")
        cast = Path(root) / "cast"
        pipe = shlex.join([sys.executable, "-I", str(Path(__file__).with_name("film.py")), str(cast)]) + " '#{pane_tty}'"
        with Driver(home, columns=film.columns, rows=film.rows, pipe=pipe) as driver:
            time.sleep(1.5)
            film.play(driver)
            time.sleep(2)
        shown = cast.read_text().replace(root, "/tmp/film")
        turns = [truth_of(turn) for turn in told(agent, home) if turn.kind == "prompt"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.cast.xz").write_bytes(lzma.compress(shown.encode(), preset=9))
    text = json.dumps(turns, ensure_ascii=False, indent=1).replace(root, "/tmp/film")
    (folder / f"{name}.truth.json").write_text(text + "\n")


def told(agent: str, home: Home) -> Iterator[Turn]:
    """The turns of all its transcripts, by time."""
    turns = {}
    profile = profile_named(PROFILES.get(agent, agent))
    for file in profile.kept(home.env, home.work if agent == "aider" else None):
        if file.parent:
            continue
        reader, place = new_reader(profile.transcript, file.agent_session_id), 0
        while (found := read_lines(file.path, place)).lines:
            for _, line in found.lines:
                reader.feed(line)
            place = found.next_offset
        turns |= {turn.key: turn for turn in reader.changed()}
    yield from sorted(turns.values(), key=lambda turn: turn.started_ns)


def truth_of(turn: Turn) -> dict[str, Any]:
    return {
        "prompt": turn.prompt,
        "response": turn.response,
        "status": turn.status,
        "folded": turn.folded,
        "started_ms": turn.started_ns // 1_000_000,
        "ended_ms": turn.ended_ns and turn.ended_ns // 1_000_000,
        "tools": [{"name": call.name, "input": call.input, "result": (call.result or "")[:300]} for call in turn.tool_calls],
    }


def main(folder: str, agent: str = "", *names: str) -> int:
    wanted, _, look = agent.partition("-")
    failed = 0
    for one in [wanted] if wanted else ALL:
        for way in [look] if look else LOOKS[one]:
            for name in names or FILMS:
                try:
                    shoot(one, way, name, Path(folder) / one / ALL[one].version / way)
                    print(f"{one} {way} {name}", flush=True)
                except (NotReached, RuntimeError):
                    failed = 1
                    print(f"{one} {way} {name}: no film\n{traceback.format_exc()}", file=sys.stderr, flush=True)
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m tests.clients.films FOLDER [AGENT[-LOOK] [FILM …]]")
    sys.exit(main(*sys.argv[1:]))
