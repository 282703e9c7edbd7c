"""Codex as an agent that speaks Claude Code's lines: ``python -m procy.stream.codex [WORDS OF CODEX]``.

Behind it runs ``codex app-server``, or, where that does not come up, ``codex exec --json`` once for every message.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from procy.parse.streams.claude import is_user_message
from procy.parse.streams.codex_exec import CodexExec
from procy.parse.streams.events import Event
from procy.parse.transcripts.claude_code import prompt_text
from procy.parse.transcripts.shapes import as_dict, read_record
from procy.stream.codex_front import BYPASS, Front, Speech, Wishes, parse_words
from procy.stream.listen import Lines
from procy.stream.pump import CHUNK, write_all
from procy.types import Usage

NEVER = 1 << 60
WAKE_S = 0.3
COUNTS = ("input", "output", "cache_read", "reasoning")


class Came(NamedTuple):
    """From ``client`` or ``server``, or a ``signal``; no record at its end."""

    side: str
    record: dict[str, Any] | None = None


def main(words: Sequence[str]) -> int:
    wishes = parse_words(words)
    events: queue.SimpleQueue[Came] = queue.SimpleQueue()
    signal.signal(signal.SIGINT, lambda *_: events.put(Came("signal")))
    server = Server(wishes, events)
    threading.Thread(target=read, args=(0, "client", events), daemon=True).start()
    status = server.attend()
    return Turns(wishes, events, server.front.waiting).attend() if status is None else status


def read(fd: int, side: str, events: queue.SimpleQueue[Came]) -> None:
    lines = Lines(limit=NEVER)
    while data := os.read(fd, CHUNK):
        for line in lines.feed(data):
            if record := read_record(line):
                events.put(Came(side, record))
    if record := read_record(lines.rest()):
        events.put(Came(side, record))
    events.put(Came(side))


def say(records: Iterable[dict[str, Any]]) -> None:
    """To the client."""
    if body := b"".join(packed(record) for record in records):
        write_all(1, body)


def packed(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


class Server:
    """``codex app-server`` and a front before it."""

    def __init__(self, wishes: Wishes, events: queue.SimpleQueue[Came]) -> None:
        self.events = events
        self.front = Front(wishes, os.getcwd())
        self.process = subprocess.Popen(["codex", *wishes.rest, "app-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin and self.process.stdout
        self.stdin = self.process.stdin.fileno()
        threading.Thread(target=read, args=(self.process.stdout.fileno(), "server", events), daemon=True).start()

    def attend(self) -> int | None:
        """Until the client has ended and all is answered; None where the server never came up."""
        self.front.begin()
        ended = leaving = False
        while True:
            self.send()
            if (ended or leaving) and self.front.is_idle and not self.front.to_server:
                return self.end()
            try:  # a signal may come to another thread than this, which then does not wake
                came = self.events.get(timeout=WAKE_S)
            except queue.Empty:
                continue
            if came.side == "signal":
                leaving = True
                self.front.waiting.clear()
                self.front.interrupt()
            elif came.side == "client":
                ended = ended or came.record is None
                if came.record:
                    self.front.client(came.record)
            elif came.record is None:
                return self.gone(ended)
            else:
                self.front.server(came.record)

    def send(self) -> None:
        to_client, self.front.to_client = self.front.to_client, []
        say(to_client)
        to_server, self.front.to_server = self.front.to_server, []
        with suppress(OSError):  # its end is on its way
            write_all(self.stdin, b"".join(packed(record) for record in to_server))

    def gone(self, ended: bool) -> int | None:
        """The server has ended by itself."""
        status = self.process.wait()
        if not self.front.is_up:
            if ended:
                self.events.put(Came("client"))
            return None
        if self.front.turn_runs:
            say(self.front.speech.lines(Event(kind="end", status="error", text=f"codex ended with status {status}")))
        return 128 - status if status < 0 else status or 1

    def end(self) -> int:
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.terminate()
        return 1 if self.front.failed else 0


class Turns:
    """``codex exec --json``: a process for every message, each going on with the thread of the one before."""

    def __init__(self, wishes: Wishes, events: queue.SimpleQueue[Came], waiting: Sequence[dict[str, Any]]) -> None:
        self.wishes, self.events = wishes, events
        self.waiting = list(waiting)
        self.thread = wishes.resume
        self.speech = Speech(session_id=self.thread, model=wishes.model)
        self.failed = False
        self.used = Usage()  # by the thread, before this turn

    def attend(self) -> int:
        print("codex app-server did not start; using codex exec", file=sys.stderr)
        for record in self.messages():
            self.turn(record)
        return 1 if self.failed else 0

    def messages(self) -> Iterable[dict[str, Any]]:
        yield from self.waiting
        while (came := self.events.get()).record is not None or came.side != "client":
            if came.side == "client" and came.record and is_user_message(came.record):
                yield came.record

    def command(self) -> list[str]:
        wishes = self.wishes
        settings = [word for option, value in (("-m", wishes.model), ("-C", wishes.cwd)) for word in (option, value) if value]
        settings += [BYPASS] if wishes.bypass else ["-s", wishes.sandbox] if wishes.sandbox else []
        again = ["resume", self.thread] if self.thread else []
        return ["codex", "exec", "--json", "--skip-git-repo-check", *settings, *wishes.rest, *again, "-"]

    def of_turn(self, event: Event) -> Event:
        """The end of a turn with what this turn has used: exec tells what the whole thread has."""
        if event.usage is None:
            return event
        whole, before = event.usage, self.used
        self.used = whole
        counts = {name: max((getattr(whole, name) or 0) - (getattr(before, name) or 0), 0) for name in COUNTS}
        return event._replace(usage=Usage(**counts))

    def turn(self, record: dict[str, Any]) -> None:
        process = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin and process.stdout
        message = as_dict(record.get("message"))
        process.stdin.write(prompt_text(message.get("content")).encode("utf-8", "replace"))
        process.stdin.close()
        dialect, ended = CodexExec(), False
        calls: set[str] = set()
        for line in process.stdout:
            for event in dialect.said(read_record(line) or {}):
                if event.kind == "session":
                    self.thread = event.key
                if event.kind == "call" and event.key in calls:
                    continue
                calls |= {event.key} if event.kind == "call" else set()
                ended = ended or event.kind == "end"
                self.failed = event.status == "error" if event.kind == "end" else self.failed
                say(self.speech.lines(self.of_turn(event)))
                if event.kind == "begin" and self.wishes.echoes:
                    say([self.speech.line("user", uuid=record.get("uuid"), isReplay=True, message=message)])
        status = process.wait()
        if not ended:
            self.failed = True
            say(self.speech.lines(Event(kind="end", status="error", text=f"codex exec ended with status {status}")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
