"""The recorder's writer in a process of its own: what it does for a call then takes no time of the calls beside it.

The two are joined by a pair of sockets. A batch goes over as its number of calls and one pickle each, and is answered once it is
in the database: what a writer that was killed had not answered goes to the next one, and a call that is told twice is one row.
Where the gateway is killed, its writer writes what it has got whole, and ends.
"""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from procy.gateway.entries import Pair, Unwritten
from procy.settings import Price

GOING_S = 20.0
BUFFER = 1 << 16
BROKEN = (OSError, EOFError, pickle.UnpicklingError)  # what a socket says whose other end has gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a writer is told first. ``lock``: a file that the only writer of a gateway's database holds; ``log``: where it says
    what went wrong. ``prices`` and the rest are of the settings."""

    path: str
    lock: str
    log: str
    raw: str
    prices: dict[str, Price]
    keep_bodies_days: float
    ends_orphans: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """See ``entries.Writes.write``; ``why`` is None where the batch was written."""

    lost: int = 0
    why: str | None = None
    for_ever: bool = False


class Gone(Unwritten):
    """The writer ended before it answered."""


class Apart:
    """``Writes`` for one thread. A writer that has gone is started again with the next batch."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._child: subprocess.Popen[bytes] | None = None
        self._file: BinaryIO | None = None
        self._is_up = False
        self._gone = 0  # writers in a row that went before they answered

    def start(self) -> None:
        """Raises Unwritten where no process can be had."""
        try:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "procy.gateway.scribe", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
                self._file = cast("BinaryIO", ours.makefile("rwb", buffering=BUFFER))
            self._say(self._task)
        except OSError as error:
            self._end()
            raise Unwritten(f"the recorder's writer cannot be started: {error}") from error

    def write(self, batch: Sequence[Pair]) -> int:
        if self._file is None:
            self.start()
        if not self._is_up:
            self._ask([])
            self._is_up = True
        try:
            return self._ask(batch)
        except Gone as gone:
            self._gone += 1  # it came up before: this batch ended it, or somebody did
            raise Unwritten(str(gone), for_ever=len(batch) > 1 and self._gone > 2) from gone

    def _ask(self, batch: Sequence[Pair]) -> int:
        assert self._file
        try:
            self._say(len(batch))
            for pair in batch:
                self._say(pair)
            self._file.flush()
            answer: Answer = pickle.load(self._file)
        except BROKEN as error:
            self._end()
            raise Gone("the recorder's writer has ended; another is started") from error
        self._gone = 0 if batch else self._gone
        if answer.why is not None:
            raise Unwritten(answer.why, answer.for_ever)
        self._task = replace(self._task, ends_orphans=False)
        return answer.lost

    def close(self) -> None:
        self._end()

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    def _say(self, what: object) -> None:
        assert self._file
        pickle.dump(what, self._file, 5)

    def _end(self) -> None:
        """It ends by itself once nobody speaks to it."""
        if self._file:
            with suppress(OSError):
                self._file.close()
        if self._child:
            try:
                self._child.wait(GOING_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._file = self._child = None
        self._is_up = False
