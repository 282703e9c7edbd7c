"""A command in its cage: started, listened to, and ended with all that it left behind."""

from __future__ import annotations

import codecs
import json
import os
import secrets
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import psutil

from procy.evaluate.contract import Resources

CAGE = str(Path(__file__).with_name("cage.py"))
POLL_S = 0.05
GRACE_S = 0.3  # in which the cage has to end, after its command's time
KEPT = 64 << 10  # bytes of the end of the output
LONGEST_LINE = 4 << 20
CANDIDATES = 64  # lines that may be the result
MARK = "PROCY_CAGE"

End = Literal["ended", "timeout", "stopped", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``merged``: standard error goes where standard output does, also for the result."""

    words: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    timeout_s: float
    resources: Resources = field(default_factory=Resources)
    merged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """``code``: 128 + N for signal N; None where it did not end by itself. ``error``: why it could not even start.
    ``lines``: the last of standard output that begin with a brace. ``left``: processes that it left behind."""

    how: End
    code: int | None
    seconds: float
    output: str
    lines: tuple[str, ...] = ()
    left: int = 0
    error: str = ""


class Ear:
    """Takes output as it comes: keeps the end of it, and the lines that may be a result; tells a listener."""

    def __init__(self, on_output: Callable[[str], None] | None) -> None:
        self.on_output = on_output
        self.tail = bytearray()
        self.cut = False
        self.lines: deque[bytes] = deque(maxlen=CANDIDATES)
        self.line = bytearray()
        self.decoders = [codecs.getincrementaldecoder("utf-8")("replace") for _ in range(2)]

    def take(self, data: bytes, is_result: bool) -> None:
        """``data`` is empty at the end of a stream. ``is_result``: of the stream in which the result is looked for."""
        self.tail += data
        if len(self.tail) > 2 * KEPT:
            del self.tail[:-KEPT]
            self.cut = True
        if is_result:
            self.look(data)
        text = self.decoders[is_result].decode(data, final=not data)
        if text and self.on_output:
            self.on_output(text)

    def look(self, data: bytes) -> None:
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self.grow(piece)
            self.end_line()
        self.grow(rest)
        if not data:
            self.end_line()

    def grow(self, piece: bytes) -> None:
        if len(self.line) + len(piece) <= LONGEST_LINE:
            self.line += piece

    def end_line(self) -> None:
        line = self.line.strip()
        if line.startswith(b"{"):
            self.lines.append(bytes(line))
        self.line.clear()

    def output(self) -> str:
        """The end of it; whole lines where it was cut."""
        if not self.cut and len(self.tail) <= KEPT:
            return self.tail.decode("utf-8", "replace")
        kept = bytes(self.tail[-KEPT:])
        return "… " + kept[kept.find(b"\n", 0, 4096) + 1 :].decode("utf-8", "replace")


def run(command: Command, on_output: Callable[[str], None] | None = None, stop: threading.Event | None = None) -> Ended:
    """Run a command to its end, its time limit, or until ``stop`` is set; no process of it is left then."""
    mark = secrets.token_hex(16)
    status_read, status_write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", CAGE, json.dumps(specification(command, status_write))],
        cwd=command.cwd, env={**command.environment, MARK: mark}, pass_fds=(status_write,), start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT if command.merged else subprocess.PIPE,
    )  # fmt: skip
    os.close(status_write)
    ear, began = Ear(on_output), time.monotonic()
    try:
        with os.fdopen(status_read, "rb") as status:
            listen(process, ear, began + command.timeout_s + GRACE_S, stop)
            told = told_by(process, status)
    finally:
        finish(process, mark)
    lines = tuple(line.decode("utf-8", "replace") for line in ear.lines)
    if "error" in told:
        return Ended(how="ended", code=127, seconds=0.0, output=ear.output(), error=str(told["error"]))
    if told:
        return Ended(output=ear.output(), lines=lines, **told)
    seconds = time.monotonic() - began
    how: End = "stopped" if stop and stop.is_set() else "timeout" if seconds >= command.timeout_s else "lost"
    return Ended(how=how, code=None, seconds=seconds, output=ear.output(), lines=lines)


def specification(command: Command, status: int) -> dict[str, Any]:
    resources = command.resources
    wanted = {
        "data": resources.memory_mb and resources.memory_mb << 20,
        "cpu": resources.cpu_s,
        "file": resources.files_mb and resources.files_mb << 20,
        "tasks": resources.processes,
    }
    limits = {name: value for name, value in wanted.items() if value}
    return {
        "command": list(command.words), "seconds": command.timeout_s, "status": status, "limits": limits,
        "cores": resources.cores or 0,
    }  # fmt: skip


def listen(process: subprocess.Popen[bytes], ear: Ear, until: float, stop: threading.Event | None) -> None:
    """Take all output, until it ends, or the cage is given up. Closing its standard input makes it end everything."""
    with selectors.DefaultSelector() as selector:
        for stream, is_result in ((process.stdout, True), (process.stderr, False)):
            if stream:
                selector.register(stream, selectors.EVENT_READ, is_result)
        stopped = False
        while selector.get_map():
            for key, _ in selector.select(POLL_S):
                hear(selector, key, ear)
            if stop and stop.is_set() and not stopped:
                stopped = True
                close_quietly(process.stdin)
                until = min(until, time.monotonic() + GRACE_S)
            if time.monotonic() > until:
                return


def hear(selector: selectors.BaseSelector, key: selectors.SelectorKey, ear: Ear) -> None:
    data = os.read(key.fd, 1 << 16)
    ear.take(data, key.data)
    if not data:
        selector.unregister(key.fileobj)


def told_by(process: subprocess.Popen[bytes], status: IO[bytes]) -> dict[str, Any]:
    """What the cage said of the end; {} where it said nothing in time."""
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        return {}
    try:
        return dict(json.loads(status.read()))
    except ValueError:
        return {}


def finish(process: subprocess.Popen[bytes], mark: str) -> None:
    """Nothing is left. The cage has seen to that, unless it was killed, or the system has no subreapers."""
    close_quietly(process.stdin)
    try:
        process.wait(GRACE_S)
        whole = process.returncode == 0 and sys.platform.startswith("linux")
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        whole = False
    while not whole and (found := [*marked(mark)]):
        for one in found:
            with suppress(psutil.Error):
                one.kill()
    for stream in (process.stdout, process.stderr):
        close_quietly(stream)


def marked(mark: str) -> Iterator[psutil.Process]:
    """The processes that began in that cage."""
    for one in psutil.process_iter():
        try:
            if one.environ().get(MARK) == mark and one.status() != psutil.STATUS_ZOMBIE:
                yield one
        except (psutil.Error, OSError):
            continue


def close_quietly(stream: IO[bytes] | None) -> None:
    try:
        if stream:
            stream.close()
    except OSError:
        pass  # a pipe without a reader


def shell_words(words: Sequence[str]) -> str:
    """A command as people read it."""
    return words[2] if tuple(words[:2]) == ("/bin/sh", "-c") and len(words) == 3 else " ".join(words)
