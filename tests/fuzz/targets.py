"""What reads bytes that others wrote, each as a function of any bytes: it may refuse in words (a ProcyError), no more."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from procy.errors import ProcyError
from procy.parse.casts import read_events, read_header
from procy.parse.redact import mask
from procy.parse.status import read_status
from procy.parse.terminal import TerminalReader
from procy.parse.timing import read_timing, timed_reads
from procy.parse.wire.answer import Answer
from procy.parse.wire.dialects import DIALECTS
from procy.parse.wire.errors import read as read_error
from procy.parse.wire.sse import Parser
from procy.parse.wire.translate import translate_request
from procy.parse.wire.turns import Exchange, WireReader, groups
from procy.parse.wire.usage import read_reply
from procy.recording.transcripts import new_reader
from procy.settings import read_settings
from procy.types import Picture, Read
from tests.fuzz.seeds import TRANSCRIPTS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PATHS = {"anthropic-messages": "/v1/messages", "openai-responses": "/v1/responses", "openai-chat": "/v1/chat/completions"}


def terminal(data: bytes) -> None:
    """The first bytes say how the rest is cut into reads, how wide the window is, and who has it."""
    cuts, stream = data[:8], data[8:]
    reader = TerminalReader(Picture(20 + data[0] % 100 if data else 80, 5 + len(data) % 30, b""))
    reader.foreground(bool(cuts[:1] and cuts[0] & 1), True, "bash" if cuts[:1] and cuts[0] & 2 else "agent", 0)
    at_ns = offset = number = 0
    while offset < len(stream):
        length = 1 + (cuts[number % len(cuts)] if cuts else 64) * 4
        piece = stream[offset : offset + length]
        at_ns += (1 + number % 7) * 200_000_000
        reader.feed(Read(at_ns, offset, 20 + number % 3 * 40, 5 + number % 5 * 10, piece))
        offset, number = offset + len(piece), number + 1
        reader.changed()
    reader.rest(at_ns + 10**10)
    reader.changed()
    reader.texts.end(offset)


def transcript(name: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        reader = new_reader(name, "a-conversation")
        for line in data.split(b"\n"):
            reader.feed(line)
        for path in list(reader.wanted())[:3]:
            reader.give(path, data[:100])
        for turn in reader.changed():
            turn.prompt.encode("utf-8", "surrogatepass")
        for told in (reader.evidence, lambda: (reader.pending, reader.title, reader.cost_usd, reader.context_left)):
            told()

    return target


def cast(data: bytes) -> None:
    """A header and events, as ``procy import cast`` takes them; times run forward, and bytes have no gap."""
    first, *lines = data.decode("utf-8", "replace").split("\n")
    with suppress(ValueError):
        header = read_header(first)
        check_reads([one for one in read_events(lines, header, header.started_ns or 0) if isinstance(one, Read)])


def timing(data: bytes) -> None:
    """A stream and the timing file of it, with a line of its own between them."""
    stream, _, text = data.partition(b"\n---\n")
    with suppress(ValueError):
        steps = read_timing(text.decode("utf-8", "replace").splitlines())
        reads = list(timed_reads([stream[:7], stream[7:]], steps, steps.started_ns or 0, steps.size or (80, 24)))
        check_reads(reads)
        assert b"".join(read.data for read in reads) == stream


def check_reads(reads: list[Read]) -> None:
    offset = 0
    for read in reads:
        assert read.offset == offset and read.columns > 0 and read.rows > 0
        offset = read.end


def wire_turns(data: bytes) -> None:
    """Calls of a session: request and answer of each, a line each."""
    reader, lines = WireReader(), data.split(b"\n")
    for wire in (*DIALECTS, "gemini"):
        calls = [
            Exchange(f"{wire}{place}", wire, "", place * 10, place * 10 + 5 + len(asked) % 20, "ok", "", asked, answer)
            for place, (asked, answer) in enumerate(zip(lines[::2], lines[1::2], strict=False))
        ]
        for group in groups(calls):
            reader.feed(group)
    for turn in reader.changed():
        turn.response.encode("utf-8", "surrogatepass")


def sse(data: bytes) -> None:
    """Whole and cut in two is the same; what it tells of usage is read on every wire."""
    cut = data[0] % (len(data) + 1) if data else 0
    parser = Parser()
    events = [*parser.feed(data[:cut]), *parser.feed(data[cut:]), *parser.end()]
    whole = Parser()
    assert events == [*whole.feed(data), *whole.end()]
    for wire in (*DIALECTS, "gemini"):
        for kind in ("text/event-stream", "application/json"):
            read_reply(wire, kind, data)


def wire(data: bytes) -> None:
    """A request in every direction, and the same bytes as the answer to it."""
    read_error(data[0] if data else 500, data)
    body = as_object(data)
    for client in DIALECTS:
        for upstream in DIALECTS:
            asked = None
            with suppress(ProcyError):
                asked = translate_request(client, upstream, PATHS[client], body if body is not None else {"model": "x"})
            if asked:
                with suppress(ProcyError):
                    Answer(asked, 0, "one").whole(200, data)
                answer = Answer(asked, 0, "one")
                with suppress(ProcyError):
                    answer.feed(data[: len(data) // 2])
                    answer.feed(data[len(data) // 2 :])
                    answer.end()


def settings(data: bytes) -> None:
    with suppress(tomllib.TOMLDecodeError, UnicodeDecodeError, ProcyError):
        read_settings(tomllib.loads(data.decode()), "config.toml")


def secrets(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    masked = mask(text)
    assert mask(masked) == masked


def status(data: bytes) -> None:
    read_status(data.decode("utf-8", "replace"))


def as_object(data: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


TARGETS: dict[str, Callable[[bytes], None]] = {
    "terminal": terminal,
    **{f"transcript-{name}": transcript(name) for name in TRANSCRIPTS},
    "cast": cast,
    "timing": timing,
    "wire-turns": wire_turns,
    "sse": sse,
    "wire": wire,
    "settings": settings,
    "secrets": secrets,
    "status": status,
}
