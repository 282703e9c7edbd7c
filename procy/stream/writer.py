"""Lines to one start of the agent, in a thread that may wait for it; nobody else waits with it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from procy.stream.child import Child
from procy.stream.pump import write_all
from procy.stream.session import Session

Done = Callable[[str], None]


class Writer(threading.Thread):
    """``done`` is told the key of each line that the agent was given whole."""

    def __init__(self, child: Child, session: Session, done: Done) -> None:
        super().__init__(name="writer", daemon=True)
        self.child, self.session, self.done = child, session, done
        self.lines: queue.Queue[tuple[str, bytes] | None] = queue.Queue()
        self.ended = False
        self.put_lines, self.put_bytes = 0, 0  # of lines that are no messages; those are counted by who knows their names
        self.gone_lines, self.gone_bytes = 0, 0  # this thread's

    def put(self, key: str, line: bytes) -> None:
        """``key`` is "" for a line that is no message."""
        if not key:
            self.put_lines, self.put_bytes = self.put_lines + 1, self.put_bytes + len(line)
        self.lines.put((key, line))

    def waiting(self) -> tuple[int, int]:
        """How many lines that are no messages wait here, and their bytes."""
        return self.put_lines - self.gone_lines, self.put_bytes - self.gone_bytes

    def end(self) -> None:
        """Close the agent's input behind what waits."""
        if not self.ended:
            self.ended = True
            self.lines.put(None)

    def run(self) -> None:
        while item := self.lines.get():
            key, line = item
            self.session.chunk(">", line)
            try:
                write_all(self.child.stdin, line)
            except (OSError, ValueError):  # it is gone; its end tells what becomes of the message
                break
            if not key:
                self.gone_lines, self.gone_bytes = self.gone_lines + 1, self.gone_bytes + len(line)
            self.done(key)
        self.session.end_side(">")
        self.child.close_input()
