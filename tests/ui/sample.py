"""A small made-up data directory with everything that pages show: who spoke, what failed, what waits, and a terminal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from procy import ids
from procy.places import Places
from procy.store import write
from procy.store.blobs import pack_block
from procy.store.db import iso, open_writer
from procy.types import FileChange, Picture, Read, ToolCall, Turn, Usage

from .sample_runs import add_sample_run
from .sample_times import MINUTE, NOW

WORK = "/home/you/config-tool"
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
DIFF = """--- a/src/parse.py
+++ b/src/parse.py
@@ -10,7 +10,8 @@
 def parse(line):
-    name, value = line.split("=")
-    return name, value
+    name, _, value = line.partition("=")
+    return name.strip(), value.strip()
"""
FIRST, SECOND = "I'll look at the parser first.\n\n", "The tests show the case that fails.\n\n"
ANSWER = """The failure comes from `parse()`: it splits at **every** equals sign, so `a=b=c` raises.

## What I changed
- `src/parse.py` now uses `partition`, which never raises
- one test more, for a value with an equals sign in it

```python
name, _, value = line.partition("=")
```

| case | before | after |
|---|---|---|
| a=b=c | ValueError | ("a", "b=c") |
| a | ValueError | ("a", "") |

All 42 tests pass. See https://docs.python.org/3/library/stdtypes.html#str.partition for why."""
LONG = "".join(f"step {n:02d} done\n" for n in range(31)) + "\n".join(f"Line {n} of a long account." for n in range(60))
INJECTED = "Keep the current approach, and reduce the allocations in the inner loop; measure before and after."
FASTER = "Allocations went from 3 per line to 0: `partition` on a memoryview.\n\nMedian of 5: **0.84 s**, from 1.31 s."
OTHERS = (  # state, reason, name, agent, prompt
    ("waiting", "permission prompt", "billing", "codex", "Add a retry to the invoice job"),
    ("idle", None, None, "claude-code", "Rename the flag everywhere"),
    ("error", "rate limit", "search-index", "claude-code", "Rebuild the index with the new tokenizer"),
    (None, None, "notes", "generic", "ls -la"),
)


def places_in(home: Path) -> Places:
    return Places(str(home), str(home / "procy.db"), str(home / "spool"), str(home / "config.toml"))


def call(number: int, tool: str, result: str | None = "ok", at: int = 0, **arguments: str) -> ToolCall:
    """``result`` None: it has not come; one that begins with "E" is a failure."""
    status = "unknown" if result is None else "error" if result.startswith("E") else "ok"
    took = None if result is None else 40 * number
    return ToolCall(key=f"call-{number}", name=tool, input=json.dumps(arguments), result=result, status=status,
                    started_ns=NOW + number, duration_ms=took, response_at=at)  # fmt: skip


def turn(number: int, prompt: str, response: str = "", **more: Any) -> Turn:
    started = NOW - 40 * MINUTE + number * 3 * MINUTE
    usage = Usage(input=1200 + number, output=840, cache_read=48_200)
    values = {"status": "done", "ended_ns": started + 95_000_000_000, "model": "claude-opus-5-5", "usage": usage, **more}
    return Turn(key=f"sample-{number}", prompt=prompt, response=response, started_ns=started, **values)


def parser_turn() -> Turn:
    source, test = f"{WORK}/src/parse.py", f"{WORK}/tests/test_parse.py"
    one, two = len(FIRST), len(FIRST + SECOND)
    calls = (
        call(1, "Read", "def parse(line):\n    name, value = line.split('=')\n", one, file_path=source),
        call(2, "Grep", "tests/test_parse.py:4: parse('a=b=c')", one, pattern="parse(", path="tests"),
        call(3, "Bash", "E  ValueError: too many values\n1 failed, 41 passed", two, command="pytest -q", description="Run all"),
        call(4, "Edit", "Changed.", two, file_path=source, old_string='line.split("=")', new_string='line.partition("=")'),
        call(
            5, "Edit", "Changed.", two, file_path=test, old_string="pass", new_string="assert parse('a=b=c')\nassert parse('a')"
        ),
        call(6, "Bash", "42 passed in 1.20s", two, command="pytest -q"),
    )
    files = (FileChange(path=source, change="modified", diff=DIFF), FileChange(path=test, change="added"))
    return turn(1, "Parsing breaks on lines like a=b=c. Find out why, fix it, and add a test.", FIRST + SECOND + ANSWER,
                reasoning="The split has no limit. partition is the safe way.", tool_calls=calls, files=files)  # fmt: skip


def evil_turn() -> Turn:
    change = FileChange(path=f"{EVIL}.py", change="modified", diff=f"+{EVIL}")
    calls = (call(1, f"Tool{EVIL}", EVIL, 0, **{EVIL: EVIL}),)
    return turn(
        2, f"What does this do? {EVIL}", f"It would run, were it not text: {EVIL}\n\n`{EVIL}`", tool_calls=calls, files=(change,)
    )


def main_turns() -> list[Turn]:
    many = tuple(call(n, ("Bash", "Read", "Edit")[n % 3], "x" * 50 * n, n // 2 * 13, command=f"step {n}") for n in range(1, 61))
    denied = replace(call(1, "Bash", None, command="rm -rf build && make deploy"), status="denied")
    running = call(1, "Bash", None, 35, command="git log --oneline v1.2..HEAD")
    return [
        parser_turn(),
        evil_turn(),
        turn(3, "/compact", kind="command", model=None, usage=Usage()),
        turn(4, "Make the whole suite faster, below one second", LONG, tool_calls=many),
        turn(5, "Größe prüfen: 日本語 und 🙂 bleiben, wie sie sind\n\n    eingerückt bleibt eingerückt", "Ja, 日本語 bleibt."),
        turn(6, "Deploy it", "I will ask first.", status="interrupted", tool_calls=(denied,)),
        turn(7, "Try the staging server", status="error", error="API error 529: overloaded"),
        turn(8, INJECTED, FASTER),
        turn(9, "Now write the release notes", "Reading the log since the last tag.", status="open", ended_ns=None, usage=Usage(),
             tool_calls=(running,)),
    ]  # fmt: skip


def terminal(turns: list[Turn]) -> tuple[list[Read], dict[str, tuple[int, int]]]:
    """Terminal output for each turn, and where it lies."""
    reads: list[Read] = []
    places = {}
    offset = 0
    for one in turns:
        start = offset
        lines = [f"\x1b[1;32m❯ {one.prompt.splitlines()[0][:70]}\x1b[0m"]
        lines += [f"\x1b[33m●\x1b[0m {line}" if line else "" for line in one.response.splitlines()[:14]]
        for number, line in enumerate(lines):
            data = f"{line}\r\n".encode()
            reads.append(Read(one.started_ns + number * 400_000_000, offset, 100, 30, data))
            offset += len(data)
        places[one.key] = (start, offset)
    return reads, places


def make_home(home: Path) -> Places:
    """Fill a data directory; the session to look at first is the newest."""
    places = places_in(home)
    connection = open_writer(places.db)
    for number, (state, reason, name, agent, prompt) in enumerate(OTHERS):
        started = NOW - (5 + number) * 60 * MINUTE
        session = add_session(connection, f"other-{number}", started, name=name, agent=agent, state=state, state_reason=reason)
        only = replace(turn(1, prompt, "Done."), key=f"other-{number}", started_ns=started, ended_ns=started + MINUTE)
        write.put_turn(connection, session, only, mask=str, cost=None)
    add_main(connection)
    connection.close()
    return places


def make_long_session(places: Places, count: int, make: Callable[[int], Turn]) -> str:
    """A session of ``count`` turns; returns its id."""
    session = "LONGSESSION"
    connection = open_writer(places.db)
    with write.transaction(connection):
        write.put_session(connection, session, {"agent": "codex", "started_at": "2020-01-01T00:00:00.000Z", "status": "ended"})
        for number in range(1, count + 1):
            one = make(number)
            one = replace(one, key=f"long-{number}", started_ns=one.started_ns + number * 10**9)
            write.put_turn(connection, session, one, mask=str, cost=None)
    connection.close()
    return session


def add_main(connection: sqlite3.Connection) -> None:
    session = add_session(connection, "main", NOW - 45 * MINUTE, name="Parser fix", agent="claude-code", state="busy")
    turns = main_turns()
    reads, places = terminal(turns)
    with write.transaction(connection):
        write.add_block(connection, session, pack_block(reads, Picture(100, 30, b"")))
        write.change_session(connection, session, {"terminal_bytes": reads[-1].end, "columns": 100, "rows": 30})
        for one in turns:
            start, end = places[one.key]
            placed = replace(one, terminal_from=start, terminal_to=None if one.status == "open" else end)
            write.put_turn(connection, session, placed, mask=str, cost=0.042)
        connection.execute("UPDATE turns SET origin = 'procy' WHERE session_id = ? AND seq = 8", (session,))
        write.add_terminal_text(connection, session, places["sample-5"][0], "Größe prüfen unscrolled", mask=str)
    (injected,) = connection.execute("SELECT id FROM turns WHERE session_id = ? AND seq = 8", (session,)).fetchone()
    with write.transaction(connection):
        add_sample_run(connection, session, injected)
    child = add_session(
        connection, "child", NOW - 30 * MINUTE, name="explore", agent="claude-code", parent_id=session, pane_id=None
    )
    write.put_turn(connection, child, replace(turn(1, "Find slow tests", "test_io is slow."), key="child"), mask=str, cost=None)


def add_session(connection: sqlite3.Connection, key: str, started: int, **values: Any) -> str:
    session = ids.derived_id(started, "sample", key)
    live = bool(values.get("state"))
    facts = {
        "cwd": WORK, "branch": "main", "git_head": "0123456789abcdef", "started_at": iso(started), "pane_id": "%3",
        "status": "recording" if live else "ended", "state_at": iso(started), "ended_at": None if live else iso(started + MINUTE),
    }  # fmt: skip
    write.put_session(connection, session, {**facts, **values})
    return session


@contextmanager
def writing(places: Places) -> Iterator[Any]:
    connection = open_writer(places.db)
    with write.transaction(connection):
        yield connection
    connection.close()


def say(places: Places, session: str, number: int, prompt: str, response: str = "said", **more: Any) -> None:
    with writing(places) as connection:
        write.put_turn(connection, session, replace(turn(number, prompt, response), **more), mask=str, cost=None)
