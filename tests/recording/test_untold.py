"""An agent without its transcript: what its screen shows until the transcript comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from procy.recording.rebuild import rebuild, tell_untold
from procy.settings import Settings
from procy.store import write
from procy.store.blobs import pack_block
from procy.store.db import iso, open_reader, open_writer
from procy.store.turn_sources import links_of
from procy.types import PaneEvent, Picture, Read

NOW = 1_795_000_000 * 10**9
SESSION = "01SESSION0000000000000000A"
BOX = "────────────\r\n> \r\n────────────\r\n  ? for shortcuts"
SHOWN = (  # seconds, bytes: a prompt box, then a prompt and its answer above it
    (0.0, f"\x1b[?2004h\x1b[2J\x1b[H{BOX}\x1b[2;3H".encode()),
    (5.2, f"\x1b[2J\x1b[H> hello there\r\n\r\n● Good morning.\r\n\r\n{BOX}\x1b[6;3H".encode()),
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Path]:
    """A session in which a recognised agent had the pane; of its transcript nothing is known."""
    path = tmp_path / "procy.db"
    connection = open_writer(str(path))
    reads, offset = [], 0
    for seconds, data in SHOWN:
        reads.append(Read(NOW + int(seconds * 1e9), offset, 60, 12, data))
        offset += len(data)
    detail = {"program": "claude", "agent": "claude-code", "shell_waits": False, "since_ns": 0, "reads_turns": False}
    with write.transaction(connection):
        values = {"agent": "claude-code", "started_at": iso(NOW), "ended_at": iso(NOW + 60 * 10**9), "status": "ended"}
        write.put_session(connection, SESSION, values)
        write.add_pane_event(connection, SESSION, PaneEvent(NOW - 1, 0, "foreground", detail))
        write.add_block(connection, SESSION, pack_block(reads, Picture(60, 12, b"")))
    yield path
    connection.close()


def turns(path: Path) -> list[tuple[str, ...]]:
    with open_reader(str(path)) as connection:
        rows = connection.execute("SELECT id, prompt, response, source FROM turns ORDER BY seq").fetchall()
        links = links_of(connection, [row[0] for row in rows])
    return [(*row, *(one["source"] for one in links[row[0]])) for row in rows]


def line(kind: str, at: float, text: str, uuid: str, parent: str | None) -> bytes:
    content = text if kind == "user" else [{"type": "text", "text": text}]
    message = {
        "role": kind,
        "content": content,
        **({"id": "m", "model": "claude-opus-5-5", "stop_reason": "end_turn"} if parent else {}),
    }
    return json.dumps({"type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": "c", "timestamp": iso(NOW + int(at * 1e9)),
                       "isSidechain": False, "userType": "external", "message": message}).encode()  # fmt: skip


def test_the_screen_tells_until_the_transcript_comes_and_the_turn_stays(db: Path) -> None:
    connection = open_writer(str(db))
    with write.transaction(connection):
        tell_untold(connection, SESSION, Settings())
    ((key, prompt, response, *sources),) = turns(db)
    assert (prompt, response, sources) == ("hello there", "Good morning.", ["screen", "screen"])
    lines = [line("user", 5, "hello there", "u1", None), line("assistant", 5.1, "**Good** morning.", "a1", "u1")]
    with write.transaction(connection):
        write.put_transcript(connection, SESSION, "claude-code", "c", "/gone/c.jsonl", NOW)
        offsets = [0, len(lines[0]) + 1]
        identity = write.transcript_id("claude-code", "c", "/gone/c.jsonl")
        write.add_transcript_lines(connection, identity, list(zip(offsets, lines, strict=True)), 500)
    for _ in range(2):
        rebuild(connection, SESSION, Settings())
        ((again, prompt, response, *told),) = turns(db)
        assert (again, prompt, response) == (key, "hello there", "**Good** morning.")
        assert told == ["transcript", "transcript"], "the row's own, and the only one that is told still"
    connection.close()
