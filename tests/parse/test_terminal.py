"""The same stream, cut anywhere, tells the same story."""

from __future__ import annotations

import random

import pytest

from procy.parse.signals import Splitter
from procy.types import Read
from tests.parse.casts import load, tell, turns

CASTS = [
    "bash/5.2/commands.cast", "bash/5.2/ahead.cast", "bash/5.2/interrupts.cast", "bash/5.2/agents.cast",
    "zsh/5.9/commands.cast", "zsh/5.9/ahead.cast", "fish/3.6/interrupts.cast", "python/3.11/repl.cast",
]  # fmt: skip


def cut(reads: list[Read], chance: random.Random, longest: int) -> list[Read]:
    """Every read in pieces that came at the same moment."""
    pieces = []
    for read in reads:
        position = 0
        while position < len(read.data):
            size = chance.randint(1, longest)
            pieces.append(read._replace(offset=read.offset + position, data=read.data[position : position + size]))
            position += size
    return pieces


@pytest.mark.parametrize("name", CASTS)
@pytest.mark.parametrize("longest", [1, 7, 300])
def test_byte_by_byte_gives_what_whole_reads_give(name: str, longest: int) -> None:
    picture, reads = load(name)
    whole, pieces = tell(picture, reads), tell(picture, cut(reads, random.Random(longest), longest))
    assert pieces.screen.lines() == whole.screen.lines()
    assert [(turn.prompt, turn.response, turn.terminal_from) for turn in turns(pieces)] == [
        (turn.prompt, turn.response, turn.terminal_from) for turn in turns(whole)
    ]


def test_signals_are_found_wherever_the_stream_is_cut() -> None:
    stream = (
        b"abc\x1b]133;A\x07$ \x1b]133;B\x1b\\ls\x1b[?2004l\x1b]0;title\x07x\x1b]7501;state=idle:app=x\x07"
        b"\x1b[?2026hzz\x1b[31m\x1b[?2026l\x1b]133;D;1\x07\x1b"
    )

    def signals(chunks: list[bytes]) -> tuple[bytes, list[tuple[int, object]]]:
        splitter, out, found = Splitter(), b"", []
        for chunk in chunks:
            for piece, signal in splitter.feed(chunk):
                out += piece
                if signal:
                    found.append((len(out), signal))
        return out + splitter.rest(), found

    whole = signals([stream])
    assert whole[0] == stream and len(whole[1]) == 8
    assert signals([bytes([byte]) for byte in stream]) == whole
    chance = random.Random(3)
    for _ in range(500):
        places = sorted(chance.sample(range(len(stream)), 6))
        assert signals([stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]) == whole


def test_a_title_tells_the_state_by_how_it_begins() -> None:
    from procy.parse.terminal import titled_state
    from procy.plugins import profile_named
    from procy.types import Picture

    marks = profile_named("gemini-cli").titles  # type: ignore[attr-defined]
    title = "\x1b]0;✋  Action Required (work)\x07".encode()
    reader = tell(Picture(80, 24, b""), [Read(5, 0, 80, 24, title[:9]), Read(6, 9, 80, 24, title[9:])])
    found = titled_state(reader.title, marks)
    assert found and (found.state, found.reason, found.at_ns) == ("waiting", "permission", 6)
    reader.feed(Read(20, 100, 80, 24, "\x1b]2;◇  Ready (work)\x1b\\".encode()))
    assert (ready := titled_state(reader.title, marks)) and ready.state == "idle"
    assert titled_state(reader.title, ()) is None
    reader.foreground(False, False, "vim", since_ns=30)
    assert titled_state(reader.title, marks) is None, "that was the program before"


def test_program_status_is_evidence() -> None:
    from procy.types import Picture

    reader = tell(Picture(80, 24, b""), [Read(5, 0, 80, 24, b"\x1b]7501;state=blocked:app=codex:kind=permission\x07")])
    assert reader.status and (reader.status.state, reader.status.reason) == ("waiting", "permission")
    reader.feed(Read(10, 100, 80, 24, b"\x1b]7501;state=clear\x07"))
    assert reader.status is None
