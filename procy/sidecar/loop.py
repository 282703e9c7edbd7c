"""The sidecar's loop: find spools, follow them, send the rows, leave when nothing is recorded any more."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from procy.capture.lines import line_spools
from procy.capture.progress import tell_progress
from procy.capture.servers import registered
from procy.capture.spool import Spool, spools
from procy.errors import StoreError
from procy.parse.rules import problem
from procy.places import Places
from procy.settings import Settings
from procy.settings.redact import look_once
from procy.sidecar.auto import AutoRecord
from procy.sidecar.board import Board
from procy.sidecar.changes import Changes
from procy.sidecar.log import log
from procy.sidecar.onchange import OnChange
from procy.sidecar.outbox import Outbox
from procy.sidecar.panes import PaneWatch
from procy.sidecar.session import Follower
from procy.sidecar.streams import StreamWatch
from procy.store import write
from procy.store.db import open_writer
from procy.store.today import read_today

TICK_S = 0.08
SETTLE_S = 5.0
LINGER_S = 5.0  # nothing to record: wait so long for the next session
RETRY_S = 1.0
BUSY_S = 0.25  # states are shown while another program has the database; rows are tried again, so nothing is lost
TODAY_S = 2.0
PROGRESS_S = 1.0
BACK_NS = 1_000_000_000
KEEP_PRIVATE_S = 30 * 86400


class Sidecar:
    """Everything that is recorded in one data directory."""

    def __init__(self, places: Places, settings: Settings, connection: sqlite3.Connection) -> None:
        self.places, self.settings, self.connection = places, settings, connection
        self.outbox = Outbox()
        self.panes = PaneWatch(places)
        self.board = Board(self.is_ours)
        self.on_change = OnChange()
        self.today, self.today_at = "", 0.0
        self.progress: dict[str, int] = {}
        self.progress_at = 0.0
        self.auto = AutoRecord(places)
        self.followers: dict[str, Follower] = {}
        self.changes = Changes(places, settings)
        self.streams = StreamWatch(places, connection, self.outbox, settings, self.changes)
        self.changed: dict[str, int] = {}  # when each meta.json was written, ns
        self.stuck = ""
        self.held = ""  # why nothing may be stored now
        self.tried = 0.0  # when rows were last sent
        self.unsent: set[str] = set()  # sessions that are over, and may have rows that are not sent

    def run(self) -> bool:
        """Until nothing is recorded any more; True when it is to begin anew: times that it remembers are in the future."""
        self.forget_private_files()
        self.give_up_lost_sessions()
        for socket in self.known_servers():
            self.board.server(socket)
        quiet_since = time.monotonic()
        settled = 0.0
        now_ns = time.time_ns()
        while time.monotonic() - quiet_since < LINGER_S:
            started = time.monotonic()
            self.hold()
            if not self.held:
                self.find()
            before_ns, now_ns = now_ns, time.time_ns()
            if now_ns < before_ns - BACK_NS:
                log.warning("the clock was set back; beginning anew")
                return True
            self.tick(now_ns)
            self.show()
            self.tell_progress()
            if not self.held and (not self.stuck or started - self.tried > RETRY_S):
                self.tried = started
                self.send()
            if started - settled > SETTLE_S:
                settled = started
                self.settle()
            if (
                self.followers
                or self.streams.are_followed
                or self.outbox.writes
                or self.outbox.waiting
                or self.auto.watches
                or self.held
            ):
                quiet_since = time.monotonic()
            time.sleep(TICK_S)
        self.changes.close()
        return False

    def hold(self) -> None:
        """While a redaction rule is broken, nothing is read: it waits in the spool, and none of it is lost or stored unmasked."""
        look_once()
        held = problem()
        if held != self.held:
            log.error("%s; everything waits in the spool", held) if held else log.info("the redaction rules are right again")
        self.held = held

    def forget_private_files(self) -> None:
        """Delete what agents were started with long ago."""
        for path in Path(self.places.spool).glob("private/*.json"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > KEEP_PRIVATE_S:
                    path.unlink()

    def give_up_lost_sessions(self) -> None:
        """What is said to be recorded and has no spool: it was removed by hand, or the database copied."""
        live = {spool.session_id for spool in spools(self.places.spool)}
        live |= {spool.session_id for spool in line_spools(self.places.spool)}
        self.outbox.put(lambda connection: write.give_up(connection, live))

    def find(self) -> None:
        """Follow new spools, and read again what is wanted of the ones followed."""
        for spool in spools(self.places.spool):
            try:
                written_ns = (spool.path / "meta.json").stat().st_mtime_ns
                if self.changed.get(spool.session_id) == written_ns:
                    continue
                self.changed[spool.session_id] = written_ns
                self.meet(spool)
            except (OSError, ValueError, TypeError) as error:
                log.error("%s cannot be followed: %s", spool.path, error)

    def meet(self, spool: Spool) -> None:
        follower = self.followers.get(spool.session_id)
        if spool.meta().wanted == "done":
            spool.remove()
        elif follower and not follower.finished:
            follower.renew_meta()
        elif spool.session_id not in self.unsent:
            self.followers[spool.session_id] = Follower(self.connection, self.outbox, spool, self.settings, self.changes)
            self.changes.begin(spool.session_id, spool.meta().cwd, time.time_ns())
            log.info("following %s", spool.session_id)
        else:
            del self.changed[spool.session_id]  # its rows must be read when none of them is waiting to be written

    def tick(self, now_ns: int) -> None:
        self.panes.look(self.followers.values(), now_ns)
        self.auto.look(now_ns)
        if not self.held:
            self.streams.tick(now_ns)
        for follower in list(self.followers.values()):
            try:
                follower.glance(now_ns) if self.outbox.is_full or self.held else follower.tick(now_ns)
            except OSError as error:
                log.error("%s: %s", follower.id, error)
            if follower.finished:
                log.info("%s is over: %s", follower.id, follower.ending)
                self.unsent.add(follower.id)
                del self.followers[follower.id]

    def show(self) -> None:
        """What there is to see of it in tmux; waits for no database."""
        if self.followers and time.monotonic() - self.today_at > TODAY_S:
            self.today_at = time.monotonic()
            with suppress(sqlite3.DatabaseError):
                self.today = read_today(self.connection, datetime.now().astimezone()).in_short()
        panes = [shown for follower in self.followers.values() if (shown := follower.shown())]
        self.on_change.tell(self.board.show(panes, self.today))

    def tell_progress(self) -> None:
        """How far every recording is read, for whoever asks whether the sidecar keeps up."""
        read = {follower.id: follower.terminal.offset for follower in self.followers.values()}
        if read != self.progress and time.monotonic() - self.progress_at > PROGRESS_S:
            self.progress, self.progress_at = read, time.monotonic()
            with suppress(OSError):  # the disk is full
                tell_progress(self.places, read)

    def known_servers(self) -> set[str]:
        """Where an earlier sidecar may have left something to see."""
        recorded = self.connection.execute("SELECT DISTINCT tmux_socket FROM sessions WHERE tmux_socket IS NOT NULL")
        sockets = {socket for (socket,) in recorded if os.path.exists(socket)}
        return sockets | {tmux.socket for tmux in registered(self.places)}

    def is_ours(self, session_id: str) -> bool:
        """Whether the session is one of this data directory: its spool is there, or its row."""
        known = self.connection.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id,)).fetchone()
        return known is not None or os.path.exists(os.path.join(self.places.spool, session_id))

    def send(self) -> None:
        try:
            self.outbox.send(self.connection)
            self.unsent.clear()
            if self.stuck:
                log.info("writing again")
            self.stuck = ""
        except sqlite3.DatabaseError as error:
            if not self.stuck:
                log.error("cannot write %s: %s; everything waits in the spool", self.places.db, error)
            self.stuck = str(error)

    def settle(self) -> None:
        try:
            self.outbox.settle(self.connection)
        except sqlite3.DatabaseError as error:
            log.warning("checkpoint: %s", error)


def open_patiently(places: Places) -> sqlite3.Connection:
    """The database, waited for while another program has it locked or the disk is full."""
    while True:
        try:
            return open_writer(places.db, BUSY_S)
        except StoreError as error:
            log.error("%s", error)
            time.sleep(RETRY_S)
