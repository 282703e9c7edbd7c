"""The transcript lines that one turn was made of, and a transcript without them.

A line belongs to the turn that it opens, else to the one that it changes; lines between a turn's first and last belong to it
as well. They are replaced, not deleted, so that every other line keeps its place, and what comes of the rest is compared:
the other turns must be what they were.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from procy.errors import StoreError
from procy.parse.streams.stamp import HEAD
from procy.recording.traces import REPLACED, Traces
from procy.recording.transcripts import reader_for
from procy.store import write
from procy.store.blobs import unpack
from procy.types import Turn

GONE = json.dumps({"procy": REPLACED}).encode()
SHAPE = frozenset({  # strings by which a line is understood; everything else in it is somebody's words
    "type", "subtype", "uuid", "parentUuid", "timestamp", "sessionId", "id", "call_id", "tool_use_id", "turn_id", "role",
    "kind", "status", "stop_reason", "promptSource", "operation", "commandMode", "provenance",
})  # fmt: skip


class Story(NamedTuple):
    """What a reader makes of a transcript. ``owners``: of each line the turn it belongs to, or ""."""

    turns: Mapping[str, Turn]
    owners: Sequence[str]
    files: Mapping[str, str]  # path of a file that the lines refer to: the turn whose line did first


class Transcript(NamedTuple):
    id: str
    agent: str
    agent_session_id: str
    path: str


def take_lines(connection: sqlite3.Connection, transcript: Transcript, key: str, traces: Traces) -> bool:
    """Take the lines of the turn with that key out of a transcript; True when there were any.

    Raises StoreError when they cannot be taken out without changing another turn.
    """
    stored = connection.execute(
        "SELECT offset, line FROM transcript_lines WHERE transcript_id = ? ORDER BY offset", (transcript.id,)
    ).fetchall()
    lines = [line.encode() if isinstance(line, str) else line for _, line in stored]
    files = {
        path: unpack(content)
        for path, content in connection.execute(
            "SELECT path, content FROM transcript_files WHERE transcript_id = ?", (transcript.id,)
        )
    }
    before = read_story(transcript, lines, files)
    if key not in before.turns:
        return False
    kept = without_turn(transcript, lines, files, before, key, traces)
    for (offset, _), old, new in zip(stored, lines, kept, strict=True):
        if new != old:
            connection.execute("DELETE FROM transcript_lines WHERE transcript_id = ? AND offset = ?", (transcript.id, offset))
            write.add_transcript_line(connection, transcript.id, offset, new)
    for path, owner in before.files.items():
        if owner == key:
            connection.execute("DELETE FROM transcript_files WHERE transcript_id = ? AND path = ?", (transcript.id, path))
    return True


def read_story(transcript: Transcript, lines: Sequence[bytes], files: Mapping[str, bytes]) -> Story:
    reader = reader_for(transcript)
    turns: dict[str, Turn] = {}
    owners: list[str] = []
    wanted: dict[str, str] = {}
    for line in lines:
        reader.feed(line)
        changed = {turn.key: turn for turn in reader.changed()}
        opened = [name for name in changed if name not in turns]
        owners.append(opened[0] if opened else next(iter(changed)) if len(changed) == 1 else "")
        turns |= changed
        for path in reader.wanted():
            wanted.setdefault(path, owners[-1])
    for path in list(reader.wanted()):
        if path in files:
            reader.give(path, files[path])
    turns |= {turn.key: turn for turn in reader.changed()}
    owners = [stamp if (stamp := stamp_of(line)) in turns else owner for line, owner in zip(lines, owners, strict=True)]
    return Story(turns, owners, wanted)


def without_turn(
    transcript: Transcript, lines: Sequence[bytes], files: Mapping[str, bytes], before: Story, key: str, traces: Traces
) -> list[bytes]:
    """The lines without the turn, by the first way that leaves the other turns as they were."""
    expected = {name: turn for name, turn in before.turns.items() if name != key}
    own = lines_of(before.owners, [stamp_of(line) == key for line in lines], key)
    rest = [line if owner else cleaned(line, traces) for line, owner in zip(lines, before.owners, strict=True)]
    first = min(own)
    for shapes in (set(), {first}, own):  # lines that must stay as a shape, for what they do to the turns around them
        kept = [hollow(line) if n in shapes else gone(line, traces) if n in own else line for n, line in enumerate(rest)]
        after = read_story(transcript, kept, files).turns
        if {name: turn for name, turn in after.items() if name != key} == expected:
            return kept
    raise StoreError(
        "the turn cannot be taken out of its transcript without changing the turns around it", "Forget the whole session"
    )


def lines_of(owners: Sequence[str], asks: Sequence[bool], key: str) -> set[int]:
    """The numbers of the turn's lines, and of those between them that are nobody's. ``asks``: whether a line is a stream's
    message that began the turn, perhaps long before, while others were answered."""
    numbers = [number for number, owner in enumerate(owners) if owner == key]
    told = [number for number in numbers if not asks[number]] or numbers
    between = range(told[0], told[-1] + 1)
    return {number for number in numbers if asks[number]} | {number for number in between if owners[number] in ("", key)}


def cleaned(line: bytes, traces: Traces) -> bytes:
    """A line that is no turn's, without the words of the forgotten one: titles, queues, last prompts, echoes, summaries."""
    stamp, body = split(line)
    record = read_json(body)
    if record is None:
        return stamp + GONE if stamp and traces.in_text(body.decode("utf-8", "replace")) else line
    if not traces.in_json(record):
        return line
    return stamp + json.dumps(traces.without(record), ensure_ascii=False).encode("utf-8", "surrogatepass")


def gone(line: bytes, traces: Traces) -> bytes:
    """Nothing of the line but when it came; of a note of procy's own all but the turn's words."""
    stamp, _ = split(line)
    return cleaned(line, traces) if b" # " in stamp else stamp + GONE


def hollow(line: bytes) -> bytes:
    """The line's shape without its words."""
    stamp, body = split(line)
    record = read_json(body)
    return stamp + (GONE if record is None else json.dumps(hollowed(record)).encode())


def stamp_of(line: bytes) -> str:
    """The time of a stream's line, by which it names the turn that it begins; "" for another transcript's."""
    return split(line)[0].partition(b" ")[0].decode()


def split(line: bytes) -> tuple[bytes, bytes]:
    """The stamp of a stream's line, b"" for another transcript's, and the line itself."""
    found = HEAD.match(line)
    return (found[0], line[found.end() :]) if found else (b"", line)


def hollowed(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: hollowed(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [hollowed(one, name) for one in value]
    return REPLACED if isinstance(value, str) and name not in SHAPE else value


def read_json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def transcripts_with(connection: sqlite3.Connection, agent: str, key: str) -> Iterator[Transcript]:
    """Every transcript of that agent in which the turn's key stands: its own, and copies in forked conversations."""
    rows = connection.execute(
        "SELECT id, agent, agent_session_id, path FROM transcripts WHERE agent = ? AND EXISTS "
        "(SELECT 1 FROM transcript_lines WHERE transcript_id = transcripts.id AND instr(line, ?))",
        (agent, key),
    ).fetchall()
    yield from (Transcript(*row) for row in rows)
