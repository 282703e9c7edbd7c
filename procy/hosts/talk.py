"""What the procy here and the one on a host say to each other, over the pipes of ``ssh HOST procy host VERB``.

One line of JSON goes there, then as many bytes as it announces, then an empty line every few seconds: when those stop, or the
pipe is closed, what was asked for is ended there. Back come lines of JSON: what is said meanwhile, and in the end the result or
the error. A line that is none of these, such as a greeting of the shell's, is passed over.
"""

from __future__ import annotations

import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from procy import __version__, errors
from procy.errors import HostError, ProcyError
from procy.hosts.ssh import Host

PROTOCOL = 1
KEY = "procy"  # of a line that is ours
BEAT_S = 5.0
SILENCE_S = 60.0  # for so long nothing came: nobody is there any more
POLL_S = 0.1
END_S = 20.0  # that the other side is given to end what it does

Value = Mapping[str, Any]
Said = Callable[[str], None]


# -- here ---------------------------------------------------------------------------------------------------------------


def nothing(text: str = "") -> None:
    """For who does not listen."""


def ask(
    host: Host, verb: str, request: Value, data: bytes = b"", said: Said = nothing, check: Callable[[], None] = nothing
) -> dict[str, Any]:
    """The result. ``check`` is called all the while; what it raises ends the work there too, and is raised here.

    Raises HostError where the host, or procy on it, does not answer, and else the ProcyError that was raised there.
    """
    process = host.open(f"{host.settings.procy} host {verb}")
    first = {**request, "protocol": PROTOCOL, "version": __version__, "home": host.settings.dir, "bytes": len(data)}
    lines: queue.Queue[bytes] = queue.Queue()
    last_words = bytearray()
    threads = [
        threading.Thread(target=read_lines, args=(process.stdout, lines), daemon=True),
        threading.Thread(target=read_words, args=(process.stderr, last_words), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        write(process, json.dumps(first).encode() + b"\n" + data)
        return follow(host, process, lines, said, check)
    except EOFError:
        threads[1].join(POLL_S * 5)
        raise without_answer(host, process, last_words.decode("utf-8", "replace")) from None
    finally:
        end(process)
        for thread in threads:
            thread.join(1.0)


def follow(
    host: Host, process: subprocess.Popen[bytes], lines: queue.Queue[bytes], said: Said, check: Callable[[], None]
) -> dict[str, Any]:
    """Raises EOFError where there is no answer."""
    beat = time.monotonic()
    while True:
        check()
        if time.monotonic() - beat > BEAT_S:
            beat = time.monotonic()
            write(process, b"\n")
        try:
            line = lines.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if not line:
            raise EOFError
        found = ours(line)
        if found.get(KEY) == "said":
            said(str(found["text"]))
        elif found.get(KEY) == "error":
            raise error_of(host, found)
        elif found.get(KEY) == "result":
            return dict(found["value"])


def read_lines(stream: IO[bytes] | None, lines: queue.Queue[bytes]) -> None:
    """Until b"", which is the end."""
    with suppress(ValueError, OSError):
        for line in stream or ():
            lines.put(line)
    lines.put(b"")


def read_words(stream: IO[bytes] | None, words: bytearray) -> None:
    """The end of what is said on standard error."""
    with suppress(ValueError, OSError):
        for line in stream or ():
            words += line
            del words[:-4000]


def write(process: subprocess.Popen[bytes], data: bytes) -> None:
    with suppress(OSError):  # it is gone; its last words come on the other pipe
        assert process.stdin is not None
        process.stdin.write(data)
        process.stdin.flush()


def end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe, which ends what still runs there, and give it a moment for that."""
    with suppress(OSError):
        assert process.stdin is not None
        process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ours(line: bytes) -> dict[str, Any]:
    """{} for a line that is not."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and KEY in found else {}


def error_of(host: Host, found: Value) -> ProcyError:
    """The error that was raised there, as one of ours."""
    kind = getattr(errors, str(found["kind"]), ProcyError)
    what = f"on host {host.name}: {found['what']}"
    return RemoteError(str(found["kind"]), what, str(found["remedy"])) if kind is ProcyError else kind(what, found["remedy"])


class RemoteError(ProcyError):
    """An error of a kind that ``procy.errors`` does not have. ``kind``: the name of its class there."""

    def __init__(self, kind: str, what: str, remedy: str) -> None:
        self.kind = kind
        super().__init__(what, remedy)


def without_answer(host: Host, process: subprocess.Popen[bytes], words: str) -> HostError:
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit status {process.returncode}"
    program = host.settings.procy
    if process.returncode == 255:
        return host.unreachable(words)
    if process.returncode in (126, 127):
        return HostError(f"host {host.name} has no {program!r} ({last})", f"Install procy there, or set hosts.{host.name}.procy")
    if "No such command" in words:
        return HostError(f"procy on host {host.name} is too old", f"Install version {__version__} there")
    return HostError(f"procy on host {host.name} ended without an answer ({last})", "Try there: procy doctor")


# -- there --------------------------------------------------------------------------------------------------------------


class Gone(Exception):
    """Whoever asked is not there any more."""


@dataclass(slots=True)
class Caller:
    """Who asked. ``gone`` is set when it is there no more; ``request`` is what it wants, and ``data`` the bytes with it.

    ``source`` and ``sink`` are file descriptors that no program which is started meanwhile gets.
    """

    source: int
    sink: int
    request: Value = field(default_factory=dict)
    data: bytes = b""
    gone: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, text: str) -> None:
        self.send({KEY: "said", "text": text})

    def check(self) -> None:
        if self.gone.is_set():
            raise Gone

    def send(self, value: Value) -> None:
        text = memoryview(json.dumps(value).encode() + b"\n")
        with self.lock:
            try:
                while text:
                    text = text[os.write(self.sink, text) :]
            except OSError:
                self.gone.set()

    def hear(self) -> None:
        """The request. Raises ValueError where there is none."""
        line = bytearray()
        while not line.endswith(b"\n") and (piece := os.read(self.source, 1)):  # no more: bytes may follow
            line += piece
        self.request = dict(json.loads(line))
        data, count = bytearray(), int(self.request.get("bytes", 0))
        while len(data) < count and (piece := os.read(self.source, min(count - len(data), 1 << 20))):
            data += piece
        self.data = bytes(data)

    def listen(self) -> None:
        """Until it is gone."""
        while select.select([self.source], [], [], SILENCE_S)[0] and os.read(self.source, 4096):
            pass
        self.gone.set()


def serve(handle: Callable[[Caller], Value]) -> int:
    """Answer the one request on standard input; returns an exit status. ``handle`` may raise ProcyError and Gone."""
    caller = caller_here()
    try:
        caller.hear()
    except (ValueError, TypeError):
        print("procy: this is for procy on another machine, which asks over ssh", file=sys.stderr)
        return 2
    if caller.request.get("protocol") != PROTOCOL:
        what = f"procy is {__version__} there and {caller.request.get('version')} here, which do not understand each other"
        caller.send({KEY: "error", "kind": "HostError", "what": what, "remedy": "Install the same version on both"})
        return 1
    threading.Thread(target=caller.listen, daemon=True).start()
    return answered(caller, handle)


def caller_here() -> Caller:
    """That of this process. What else is printed goes to standard error from now on."""
    caller = Caller(os.dup(0), os.dup(1))
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    os.close(nowhere)
    return caller


def answered(caller: Caller, handle: Callable[[Caller], Value]) -> int:
    try:
        caller.send({KEY: "result", "value": handle(caller)})
    except ProcyError as error:
        caller.send({KEY: "error", "kind": type(error).__name__, "what": error.what, "remedy": error.remedy})
        return 1
    except Gone:
        return 1
    return 0
