"""Made-up sessions of any size, written through ``procy.store.write``: prompts, answers, tools, diffs and a terminal.

Words follow Zipf's law over 20,000 names, so that a search finds common words everywhere and rare ones nearly nowhere.
The same seed gives the same database.
"""

from __future__ import annotations

import json
import random
import sqlite3
from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate

from procy import ids
from procy.store import write
from procy.store.blobs import BLOCK_BYTES, pack_block
from procy.types import FileChange, Picture, Read, ToolCall, Turn, Usage

START_NS = 1_795_000_000_000_000_000
DAY_NS = 86_400_000_000_000
SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "qui",
    "ro",
    "su",
    "ta",
    "ve",
    "wi",
    "xo",
    "zu",
)
WORDS = [
    a + b + c + d
    for a in SYLLABLES[:10] for b in SYLLABLES for c in SYLLABLES[:10] for d in SYLLABLES[:10]
][:20_000]  # fmt: skip
WEIGHTS = list(accumulate(1 / (rank + 2) for rank in range(len(WORDS))))
TOOLS = ("Bash", "Read", "Edit", "Grep", "Write")


class Prose:
    """Text of a wanted length."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def words(self, count: int) -> str:
        total = WEIGHTS[-1]
        return " ".join(WORDS[bisect(WEIGHTS, self.random.random() * total)] for _ in range(count))

    def answer(self, count: int) -> str:
        """Paragraphs with some Markdown in them, about 6 characters a word."""
        parts = []
        while count > 0:
            size = min(count, self.random.randint(20, 80))
            text = self.words(size).capitalize() + "."
            kind = self.random.random()
            if kind < 0.15:
                text = f"```python\n{self.words(12)}\n    return {self.words(3)}\n```"
            elif kind < 0.3:
                text = "\n".join(f"- `{self.words(1)}`: {self.words(8)}" for _ in range(4))
            parts.append(text)
            count -= size
        return "\n\n".join(parts)


def make_turn(prose: Prose, number: int, started_ns: int, words: int, tools: int, place: int | None = None) -> Turn:
    """A turn with an answer of about ``words`` words and 0 to twice ``tools`` calls."""
    response = prose.answer(max(words, 20))
    calls = tuple(make_call(prose, one, started_ns, len(response)) for one in range(prose.random.randint(0, 2 * tools)))
    files = (FileChange(path=f"src/{prose.words(1)}.py", change="modified", diff=make_diff(prose)),) if number % 4 == 0 else ()
    usage = Usage(input=prose.random.randint(50, 4000), output=prose.random.randint(50, 3000), cache_read=40_000 + number)
    return Turn(
        key=f"{started_ns}", prompt=prose.words(prose.random.randint(4, 60)), response=response, status="done",
        reasoning=prose.words(60), model="claude-opus-5-5", started_ns=started_ns, ended_ns=started_ns + 40_000_000_000,
        usage=usage, tool_calls=tuple(sorted(calls, key=lambda call: call.response_at)), files=files, terminal_from=place,
        terminal_to=None if place is None else place + TURN_BYTES,
    )  # fmt: skip


def make_call(prose: Prose, number: int, started_ns: int, length: int) -> ToolCall:
    name = prose.random.choice(TOOLS)
    arguments = {"Bash": {"command": f"pytest -q tests/{prose.words(1)}.py"}, "Grep": {"pattern": prose.words(1)}}
    path = {"file_path": f"/home/you/project/src/{prose.words(1)}.py"}
    if name == "Edit":
        path |= {"old_string": prose.words(20), "new_string": prose.words(24)}
    result = prose.words(int(prose.random.paretovariate(1.1) * 20) % 4000)
    return ToolCall(
        key=f"call-{number}", name=name, input=json.dumps(arguments.get(name, path)), result=result,
        status="error" if prose.random.random() < 0.04 else "ok", started_ns=started_ns + number * 1_000_000,
        duration_ms=prose.random.randint(3, 9000), response_at=prose.random.randint(0, length),
    )  # fmt: skip


def make_diff(prose: Prose) -> str:
    lines = "".join(f"-{prose.words(8)}\n+{prose.words(8)}\n {prose.words(6)}\n" for _ in range(6))
    return f"@@ -1,12 +1,12 @@\n{lines}"


TURN_BYTES = 6000


def terminal(prose: Prose, turns: int) -> Iterator[Read]:
    """What a terminal could have shown: ``TURN_BYTES`` a turn, in reads of 300 bytes, 40 ms apart."""
    offset = 0
    for number in range(turns):
        started_ns = START_NS + number * 60_000_000_000
        text = f"\r\n\x1b[32m> prompt {number + 1}\x1b[0m\r\n" + "\r\n".join(prose.words(12) for _ in range(90))
        data = text.encode()[:TURN_BYTES].ljust(TURN_BYTES)
        for place in range(0, TURN_BYTES, 300):
            yield Read(started_ns + place // 300 * 40_000_000, offset + place, 100, 30, data[place : place + 300])
        offset += TURN_BYTES


def make_session(
    connection: sqlite3.Connection,
    turns: int,
    *,
    seed: int = 1,
    words: int = 200,
    tools: int = 3,
    screen: bool = True,
    name: str = "",
    start_ns: int = START_NS,
    **facts: object,
) -> str:
    """Write one session; returns its id. Its terminal, where it has one, is that of ``START_NS``."""
    prose = Prose(seed)
    session_id = ids.derived_id(start_ns + seed, "bench", str(seed))
    values = {
        "agent": "claude-code", "name": name or f"bench {turns}", "cwd": "/home/you/project", "branch": "main", "status": "ended",
        "started_at": write.iso(start_ns), "ended_at": write.iso(start_ns + turns * 60_000_000_000),
        "terminal_bytes": turns * TURN_BYTES if screen else 0, "columns": 100, "rows": 30, **facts,
    }  # fmt: skip
    with write.transaction(connection):
        write.put_session(connection, session_id, values)
    for first in range(0, turns, 1000):
        with write.transaction(connection):
            for number in range(first, min(first + 1000, turns)):
                place = number * TURN_BYTES if screen else None
                turn = make_turn(prose, number, start_ns + seed + number * 60_000_000_000, words, tools, place)
                write.put_turn(connection, session_id, turn, mask=str, cost=0.0123)
    if screen:
        with write.transaction(connection):
            write_blocks(connection, session_id, terminal(prose, turns))
    return session_id


def make_months(connection: sqlite3.Connection, turns: int, until_ns: int, days: int = 365, words: int = 20) -> None:
    """Many short sessions of several agents in several directories, spread evenly over the days before ``until_ns``."""
    sessions = max(turns // 40, 1)
    for number in range(sessions):
        start_ns = until_ns - DAY_NS * days + DAY_NS * days * number // sessions
        agent, folder = ("claude-code", "codex", "aider")[number % 3], f"/home/you/project-{number % 17}"
        make_session(
            connection, min(turns, 40), seed=number, words=words, tools=2, screen=False, name=f"session {number}",
            start_ns=start_ns, agent=agent, cwd=folder,
        )  # fmt: skip


def write_blocks(connection: sqlite3.Connection, session_id: str, reads: Iterator[Read]) -> None:
    waiting: list[Read] = []
    for read in reads:
        waiting.append(read)
        if read.end - waiting[0].offset >= BLOCK_BYTES:
            write.add_block(connection, session_id, pack_block(waiting, Picture(100, 30, b"")))
            waiting = []
    if waiting:
        write.add_block(connection, session_id, pack_block(waiting, Picture(100, 30, b"")))
