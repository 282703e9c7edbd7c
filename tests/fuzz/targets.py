"""What reads bytes that others wrote, each as a function of any bytes: it may refuse in words (a ProcyError), no more."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from procy.errors import ProcyError
from procy.parse.redact import mask
from procy.parse.status import read_status
from procy.parse.terminal import TerminalReader
from procy.parse.wire.answer import Answer
from procy.parse.wire.dialects import DIALECTS
from procy.parse.wire.errors import read as read_error
from procy.parse.wire.sse import Parser
from procy.parse.wire.translate import translate_request
from procy.parse.wire.usage import read_reply
from procy.recording.transcripts import new_reader
from procy.settings import read_settings
from procy.types import Picture, Read

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECORDINGS = Path(__file__).parents[1] / "recordings"
PIECE = 16 << 10  # of a recording, as a seed: small ones are mutated faster
TRANSCRIPTS = ("claude_code", "codex", "stream")
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
    "sse": sse,
    "wire": wire,
    "settings": settings,
    "secrets": secrets,
    "status": status,
}


def seeds(name: str) -> Iterator[bytes]:
    """Real input of that kind, in small pieces, to begin with."""
    if name == "transcript-stream":
        said = [
            b'{"type":"system","subtype":"init","session_id":"s","model":"m","cwd":"/"}',
            b'{"type":"assistant","message":{"id":"m1","content":[{"type":"text","text":"hi"}],"usage":{"input_tokens":3}}}',
            b'{"type":"result","subtype":"success","session_id":"s","result":"hi","total_cost_usd":0.1}',
        ]
        sent = b'1764356000000000000 > 1\t{"type":"user","uuid":"u","message":{"role":"user","content":"hello"}}\n'
        yield sent + b"".join(b"176435600%d000000000 < 1\t%b\n" % (place + 1, line) for place, line in enumerate(said))
    elif name.startswith("transcript-"):
        for path in sorted(RECORDINGS.glob(f"{name.partition('-')[2].replace('_', '-')}/**/*.jsonl")):
            yield path.read_bytes()[:PIECE]
    elif name == "terminal":
        for path in sorted(RECORDINGS.glob("**/*.raw")):
            yield b"\x40\x20\x10\x08\x04\x02\x01\x80" + path.read_bytes()[:PIECE]
        yield b"\x41\x20\x10\x08\x04\x02\x01\x80\x1b]133;A\x07$ \x1b]133;B\x07ls\r\n\x1b]133;C\x07one\r\n\x1b]133;D\x07"
    elif name in ("sse", "wire"):
        yield b'data: {"id":"x","choices":[{"delta":{"content":"hi"}}],"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n'
        yield b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":3}}}\n\n'
        yield b'{"model":"m","stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"tools":[]}'
        yield b'{"model":"m","input":[{"type":"message","role":"user","content":"hi"}],"instructions":"x"}'
    elif name == "settings":
        yield b'agent = "claude"\n[upstreams.a]\nservice = "claude"\nbase_url = "http://x"\nkey = {env = "A"}\n[hosts.b]\n'
    else:
        yield b'{"session_id": "x", "context_window": {"remaining_percentage": 40}} KEY_TOKEN="abcdefgh" sk-ant-' + b"a" * 24
