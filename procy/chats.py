"""One chat in aider's history file: the lines from ``# aider chat started at TIME`` up to the next such line.

``FILE.md#TIME`` names it. aider writes no time beside a prompt or an answer, but its input history has one for every line that
was typed. So each line here is ``TIME``, a tab, and the line as it stands in the file, without its newline. The time has a
zone; that of a prompt is from the input history, that of what stands behind the last prompt is when the file was last written,
and everything else has none. A prompt that the input history does not know was given by the chat's start, and comes in order.
(aider 0.86.2)
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

HISTORY, INPUTS = ".aider.chat.history.md", ".aider.input.history"
HEADER = re.compile(rb"^# aider chat started at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\r?$", re.MULTILINE)
PROMPT = re.compile(rb"#### ?(.*?)(?:  )?\r?$")
ENTRY = re.compile(r"^# (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)$", re.MULTILINE)
INPUT_BYTES = 8 << 20  # of the end of an input history


class Chat(NamedTuple):
    """The bytes of a chat; ``is_last``: no other follows it in the file."""

    data: bytes
    is_last: bool


def split_chat(path: str | Path) -> tuple[Path, str]:
    """File and start of the chat; the start is "" where the path names a plain file."""
    file, mark, started = str(path).rpartition(".md#")
    return (Path(f"{file}.md"), started) if mark and "/" not in started else (Path(path), "")


def chats_in(file: Path) -> list[str]:
    """When the chats of a history file started, in its order."""
    try:
        return [match[1].decode() for match in HEADER.finditer(file.read_bytes())]
    except OSError:
        return []


def read_chat(file: Path, started: str) -> Chat | None:
    """None where there is no such chat. Raises OSError."""
    data = file.read_bytes()
    headers = [(match[1].decode(), match.start()) for match in HEADER.finditer(data)]
    place = next((n for n, (time, _) in enumerate(headers) if time == started), None)
    if place is None:
        return None
    start = headers[place][1]
    end = headers[place + 1][1] if place + 1 < len(headers) else len(data)
    return Chat(data[start:end], place + 1 == len(headers))


def chat_lines(file: Path, started: str, offset: int) -> tuple[list[tuple[int, bytes]], int]:
    """The whole lines of the chat from a place in it on, and where to go on. Nothing where it cannot be read."""
    try:
        chat = read_chat(file, started)
        written = local_time(datetime.fromtimestamp(file.stat().st_mtime))
    except OSError:
        return [], offset
    if chat is None:
        return [], offset
    lines = list(whole_lines(chat))
    prompts = prompts_in([line for _, line in lines])
    times = times_of(list(prompts.values()), started, inputs_since(file.with_name(INPUTS), started))
    told = dict(zip(prompts, times, strict=True))
    last = max(prompts, default=-1)
    found = []
    for number, (place, line) in enumerate(lines):
        if place >= offset:
            time = told.get(number) or (written if chat.is_last and number > last else "")
            found.append((place, time.encode() + b"\t" + line))
    return found, max(offset, lines[-1][0] + len(lines[-1][1]) + 1 if lines else offset)


def chat_end(file: Path, started: str) -> int:
    """The place in the chat behind its last whole line; 0 where there is none."""
    try:
        chat = read_chat(file, started)
    except OSError:
        return 0
    return chat.data.rfind(b"\n") + 1 if chat else 0


def whole_lines(chat: Chat) -> Iterator[tuple[int, bytes]]:
    place = 0
    for line in chat.data.split(b"\n")[:-1]:
        yield place, line
        place += len(line) + 1


def prompts_in(lines: Sequence[bytes]) -> dict[int, str]:
    """By the number of its first line: each prompt, which has one ``####`` a line."""
    found: dict[int, list[str]] = {}
    first = -1
    for number, line in enumerate(lines):
        match = PROMPT.match(line) if line.rstrip(b"\r").endswith(b"  ") else None
        if not match:
            first = -1
            continue
        first = number if first < 0 else first
        found.setdefault(first, []).append(match[1].decode("utf-8", "replace"))
    return {number: "\n".join(parts) for number, parts in found.items()}


def inputs_since(file: Path, started: str) -> list[tuple[str, str]]:
    """What was typed since then: time and text."""
    try:
        with file.open("rb") as inputs:
            inputs.seek(max(0, inputs.seek(0, 2) - INPUT_BYTES))
            text = inputs.read().decode("utf-8", "replace")
    except OSError:
        return []
    parts = ENTRY.split(text)[1:]
    entries = zip(parts[::2], parts[1::2], strict=True)
    typed = [(time, [line[1:] for line in body.split("\n") if line.startswith("+")]) for time, body in entries]
    return [(time, "\n".join(lines)) for time, lines in typed if time >= started]


def times_of(prompts: Sequence[str], started: str, inputs: Sequence[tuple[str, str]]) -> list[str]:
    """When each was typed: the first that is the same behind that of the prompt before it."""
    times = []
    last, entry = datetime.fromisoformat(started), 0
    for prompt in prompts:
        place = next((n for n in range(entry, len(inputs)) if same(inputs[n][1], prompt)), None)
        if place is None:
            last += timedelta(microseconds=1)
        else:
            entry, last = place + 1, datetime.fromisoformat(inputs[place][0])
        times.append(local_time(last))
    return times


def same(typed: str, prompt: str) -> bool:
    """Whether a prompt is what was typed; blanks at its end are not kept."""
    return typed.rstrip() == prompt.rstrip()


def local_time(time: datetime) -> str:
    return time.astimezone().isoformat(timespec="microseconds")
