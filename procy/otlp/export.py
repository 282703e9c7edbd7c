"""An export: what is due goes out in requests of a good size, and is remembered once it has arrived."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator

from procy.otlp.due import SETTLE_S, Due
from procy.otlp.memory import Memory
from procy.otlp.notes import Notes
from procy.otlp.post import Post
from procy.otlp.span import Group

SPANS = 500  # of one request
EVERY_S = 2.0  # how often it is looked for what is new
LOOKS = 2 + int(SETTLE_S / EVERY_S)
KINDS = {"session": "sessions", "invoke_agent": "turns", "execute_tool": "tool calls", "chat": "exchanges"}


def send_due(due: Due, memory: Memory, post: Post, notes: Notes | None = None) -> Counter[str]:
    """Send all that is due now; returns how many spans of which kind. ``notes``: what was said goes along, and is noted."""
    counts: Counter[str] = Counter()
    for groups in requests(due.groups()):
        spans = [span for group in groups for span in group.spans]
        if notes:  # before: it may arrive, whatever becomes of this process
            notes.add([span.row for span in spans])
        post.send(groups)
        memory.add([span.row for span in spans])
        counts.update(KINDS[span.name.split(" ")[0]] for span in spans)
    return counts


def requests(groups: Iterator[Group]) -> Iterator[list[Group]]:
    """Neighbouring groups together, so that a request has about ``SPANS`` spans."""
    held: list[Group] = []
    count = 0
    for group in groups:
        held.append(group)
        count += len(group.spans)
        if count >= SPANS:
            yield held
            held, count = [], 0
    if held:
        yield held


def follow(
    connection: sqlite3.Connection, due: Due, memory: Memory, post: Post, pause: Callable[[], None], notes: Notes | None = None
) -> None:
    """Send what is new, without end. A row is due a moment after its end, so it is looked for some times after a change."""
    seen, looks = -1, 0
    while True:
        (version,) = connection.execute("PRAGMA main.data_version").fetchone()
        looks = LOOKS if version != seen else looks - 1
        seen = version
        if looks > 0 and (counts := send_due(due, memory, post, notes)):
            looks = LOOKS
            post.say(f"sent {words_of(counts)}")
        pause()


def words_of(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in KINDS.values() if counts[name]) or "nothing"
