"""The recording of one stream: its folder in the spool, and the sidecar that reads it. All of it may fail; the stream goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

from procy import ids
from procy.capture.lines import LineSpool, StreamMeta, line_spool
from procy.capture.locks import take_lock
from procy.errors import ProcyError
from procy.places import Places, make_home
from procy.stream.options import Options
from procy.stream.record import Recorder


class Session:
    """Without a recorder it only has an id."""

    def __init__(self, session_id: str) -> None:
        self.id = session_id
        self.spool: LineSpool | None = None
        self.meta: StreamMeta | None = None
        self.recorder: Recorder | None = None
        self.lock: IO[str] | None = None
        self.places: Places | None = None

    def chunk(self, side: str, data: bytes) -> None:
        if self.recorder:
            self.recorder.chunk(side, data)

    def end_side(self, side: str) -> None:
        if self.recorder:
            self.recorder.end(side)

    def note(self, note: str, **fields: Any) -> None:
        if self.recorder:
            self.recorder.note(note, **fields)

    def start(self, generation: int, pid: int, argv: Sequence[str]) -> None:
        if self.recorder:
            self.recorder.generation = generation
            self.recorder.note("start", pid=pid, argv=list(argv))

    def takes_orders_at(self, socket: str) -> None:
        """Where ``procy stream ctl`` finds it."""
        if self.spool and self.meta:
            self.meta = replace(self.meta, socket=socket)
            with suppress(OSError):
                self.spool.create(self.meta)

    @property
    def missed(self) -> int:
        """Bytes that could not be written."""
        return self.recorder.missed_ever if self.recorder else 0

    def end(self, status: int) -> None:
        """Nothing more will come. The sidecar may have ended meanwhile; then another reads the rest."""
        if self.recorder is None or self.places is None:
            return
        self.recorder.note("end", status=status)
        if self.missed:
            self.recorder.complain(f"{self.missed} bytes of this stream are not recorded")
        self.recorder.close()
        if self.lock:
            self.lock.close()
        wake(self.places)


def open_session(options: Options, places: Places, complain: Callable[[str], None]) -> Session:
    session = Session(ids.new_id(time.time_ns(), os.urandom(10)))
    if not options.record:
        return session
    spool = line_spool(places.spool, session.id)
    meta = StreamMeta(
        session_id=session.id,
        agent=options.agent,
        command=options.command,
        cwd=os.getcwd(),
        started_ns=time.time_ns(),
        pid=os.getpid(),
        name=options.name,
    )
    try:
        make_home(places)
        spool.path.mkdir(mode=0o700, parents=True)
        session.lock = take_lock(spool.lock)
        spool.create(meta)
    except (OSError, ProcyError) as error:
        complain(f"this stream is not recorded: {error}")
        return session
    session.spool, session.meta, session.places = spool, meta, places
    session.recorder = Recorder(spool, time.time_ns, complain)
    wake(places)
    return session


def wake(places: Places) -> None:
    from procy.recording.awake import start_sidecar

    with suppress(OSError):
        start_sidecar(places)
