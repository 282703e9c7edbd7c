"""What people see on standard error beside the stream: the agent's words, and ours. A slow terminal never slows the stream."""

from __future__ import annotations

import re
import threading
from collections import deque

from procy.parse.streams.events import Event
from procy.stream.options import Mirror
from procy.stream.pump import write_all

WAITING = 1000  # lines; more are dropped, and that is said
ENDS = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
ESCAPE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def preview(text: str) -> str:
    """The first line of a text, ``" ..."`` behind it where there is more; what is no character shows as one."""
    if text.isprintable():  # neither ends nor control characters are: no need to look for them
        return text
    first, *more = ENDS.split(text.strip("\n"), maxsplit=1)
    return shown(first) + (" ..." if more else "")


def shown(text: str) -> str:
    """Without what would act on the reader's terminal: control characters as ``^[``."""
    if text.isprintable():
        return text
    return ESCAPE.sub(
        lambda found: f"^{chr(ord(found[0]) ^ 64)}" if ord(found[0]) < 128 else "\ufffd", text.replace("\t", "    ")
    )


def mirrored(event: Event, how: Mirror) -> str:
    """What is shown of an event; "" for nothing."""
    if event.kind != "text" or how == "off" or not event.text:
        return ""
    return preview(event.text) if how == "preview" else "\n".join(shown(line) for line in ENDS.split(event.text))


class Voice(threading.Thread):
    """Writes lines of text to a descriptor, in a thread of its own."""

    def __init__(self, sink: int, label: str) -> None:
        super().__init__(name="voice", daemon=True)
        self.sink, self.label = sink, label
        self.lines: deque[str] = deque()
        self.news = threading.Event()
        self.ending = False
        self.dropped = 0

    def log(self, words: str) -> None:
        """A line of ours."""
        self.say(f"[{self.label}] {words}")

    def say(self, text: str) -> None:
        if len(self.lines) < WAITING:
            self.lines.append(text)
        else:
            self.dropped += 1
        if not self.news.is_set():
            self.news.set()

    def run(self) -> None:
        while not (self.ending and not self.lines):
            self.news.wait()
            self.news.clear()
            lines = [self.lines.popleft() for _ in range(len(self.lines))]
            dropped, self.dropped = self.dropped, 0
            if dropped:
                lines.append(f"[{self.label}] {dropped} lines were dropped: nobody read them in time")
            try:
                write_all(self.sink, "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
            except OSError:
                return

    def end(self, patience_s: float) -> None:
        """Write what waits, unless nobody reads it."""
        self.ending = True
        self.news.set()
        self.join(patience_s)
