"""A stream whose input is taken message by message: checked, kept, handed on, and handed on again after a restart."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from procy.parse.streams.claude import is_user_message
from procy.parse.streams.dialects import Stream
from procy.parse.streams.events import Event
from procy.parse.streams.members import with_first
from procy.parse.streams.odd import LONGEST, oddities
from procy.parse.transcripts.shapes import read_record
from procy.places import Places
from procy.stream.agents import REPLAY, interrupt_line
from procy.stream.control import Control, socket_path
from procy.stream.echo import OWN, EchoFilter
from procy.stream.inbox import Inbox
from procy.stream.listen import Lines
from procy.stream.mirror import mirrored
from procy.stream.options import Options
from procy.stream.orders import Aside, alias_order, parse_order, refusal
from procy.stream.passage import IN, LAST_WORDS_S, Passage, Said
from procy.stream.pump import CHUNK
from procy.stream.restart import Act, Machine, Order
from procy.stream.table import Message, Table
from procy.stream.watchdog import Watchdog
from procy.stream.writer import Writer

TICK_S = 0.1
AHEAD = 100  # lines of input that are read before they are dealt with
MOST_WAITING, MOST_WAITING_BYTES = 1000, 64 << 20  # lines that the agent was not given yet; with more the sender waits
NEVER = 1 << 60
MOST_NAMES = 10_000
ACCEPTED = ("CRLF", "lone CR", "too long to parse")  # clients read such lines, or nobody knows


class Desk(Passage):
    """See ``run.Passage``. Everything that is decided is decided in the main thread."""

    def __init__(self, options: Options, places: Places) -> None:
        self.inbox = Inbox(places, options.inbox) if options.inbox else None
        super().__init__(options, places)
        self.speaker = options.speaker
        self.echoes = options.restartable and self.speaker.echoes
        self.table = Table(self.echoes)
        self.machine = Machine(options.resume_on_crash)
        self.watchdog = Watchdog(options.watchdog_s) if options.watchdog_s else None
        self.sent = Stream()
        self.writer: Writer | None = None
        self.handed: set[str] = set()  # messages that the living agent's writer has
        self.first: list[bytes] = []  # lines that are no messages and wait for the next start
        self.input_ended = False
        self.conversation = ""
        self.answers: dict[str, Callable[[dict[str, Any]], None]] = {}
        self.control: Control | None = None
        self.room = threading.Semaphore(AHEAD)
        self.gate = threading.Event()  # set while input is read
        self.gate.set()
        self.ours: dict[str, None] = {}  # names that messages got from us
        self.backlog: deque[Said] = deque()  # taken from the queue already
        self.count = 0

    # -- life ---------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        self.open_control()
        for key, line in self.inbox.waiting() if self.inbox else ():
            self.table.receive(key, line)
        try:
            return super().run()
        finally:
            if self.control:
                self.control.close()

    def open_control(self) -> None:
        path = socket_path(self.places, self.session.id)
        try:
            self.control = Control(path, lambda order, answer: self.events.put(Said("order", 0, (order, answer))))
        except OSError as error:
            self.voice.log(f"takes no orders: {error}")
            return
        self.control.start()
        self.session.takes_orders_at(path)

    def command(self, order: Order | None = None) -> tuple[str, ...]:
        """The agent's command, made anew each time from what the user gave."""
        words = self.options.command
        if self.echoes and REPLAY not in words:
            words = (*words, REPLAY)
        option = {"resume": self.speaker.resume, "fork": self.speaker.fork}.get(order.start if order else "fresh", ())
        return (*words, *option, self.conversation) if option and self.conversation else words

    def start(self, argv: Sequence[str]) -> Any:
        if self.generation == 0:
            argv = self.command()
        child = super().start(argv)
        self.writer = Writer(child, self.session, self.noted(self.generation))
        self.handed.clear()
        self.writer.start()
        if self.watchdog:
            self.watchdog.heard((), time.monotonic())
        first, self.first = self.first, []
        for line in first:
            self.writer.put("", line)
        self.hand_on()
        return child

    def noted(self, generation: int) -> Callable[[str], None]:
        return lambda key: self.events.put(Said("written", generation, key))

    def attend(self) -> int:
        while True:
            with suppress(queue.Empty):
                self.on(self.backlog.popleft() if self.backlog else self.events.get(timeout=TICK_S))
            now = time.monotonic()
            if self.watchdog and self.machine.phase == "running" and self.watchdog.hangs(self.table, now):
                self.bark(now)
            self.carry_out(self.machine.step(self.table.is_idle(now), now))
            if self.machine.phase == "ended":
                return self.machine.status

    def on(self, said: Said) -> None:
        now = time.monotonic()
        of_now = said.generation in (0, self.generation)  # what a dead one said late counts no more
        if said.what == "line":
            self.room.release()
            self.on_line(said.value)
        elif said.what == "eof":
            self.input_ended = True
            self.hand_on()
        elif said.what == "order":
            self.on_order(*said.value)
        elif said.what == "signal":
            if said.value in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
                self.machine.quit()
            self.on_signal(said.value)
        elif said.what == "told" and of_now:
            self.on_told(said.value, now)
        elif said.what == "written" and of_now and said.value:
            self.table.written(said.value, self.generation)
            self.mark(said.value, "written")
        elif said.what == "exit" and of_now:
            self.on_exit(said.value, now)
        if said.what == "line" or not self.gate.is_set():
            self.mind_the_gate()

    def on_exit(self, status: int, now: float) -> None:
        if self.writer:
            self.writer.end()
            self.writer.join(LAST_WORDS_S)
        self.drain()
        while not self.events.empty():
            self.backlog.append(self.events.get())
        late = [one for one in self.backlog if one.what in ("told", "written")]  # what it said and took before its end
        self.backlog = deque(one for one in self.backlog if one not in late)
        for one in late:
            self.on(one)
        order = self.machine.order_now
        wanted = not self.input_ended or bool(self.table.unwritten())
        again = order.again if order else True
        acts = self.machine.exited(status, wanted, now)
        for message in self.table.exited(again and self.machine.phase != "ended"):
            if message.status == "lost":
                self.note_message(message)
        self.writer = None
        self.carry_out(acts)

    # -- input --------------------------------------------------------------------------------------------------------

    def read_input(self) -> None:
        lines = Lines(limit=NEVER)
        with suppress(OSError):
            while data := os.read(IN, CHUNK):
                for line in lines.feed(data):
                    self.gate.wait()
                    self.room.acquire()
                    self.events.put(Said("line", 0, line + b"\n"))
        if rest := lines.rest():
            self.room.acquire()
            self.events.put(Said("line", 0, rest))
        self.events.put(Said("eof", 0))

    def mind_the_gate(self) -> None:
        """Read no more while enough waits, unless the agent asks something: the answer may be behind what waits."""
        waiting = [len(message.line) for message in self.table.unwritten()] + [len(line) for line in self.first]
        count, size = self.writer.waiting() if self.writer else (0, 0)
        is_full = len(waiting) + count >= MOST_WAITING or sum(waiting) + size >= MOST_WAITING_BYTES
        if is_full and not self.table.asked:
            self.gate.clear()
        else:
            self.gate.set()

    def on_line(self, line: bytes) -> None:
        """One line of input, as it came."""
        self.count += 1
        body = line.rstrip(b"\n")
        if self.options.validate and (found := [one for one in oddities(body) if one not in ACCEPTED]):
            self.voice.log(f"refused line {self.count} of the input: {', '.join(found)}")
            self.session.note("refused", line=self.count, flags=found)
            self.pumps[0].insert(refusal(self.count, found))
            return
        record = read_record(body.removeprefix(b"\xef\xbb\xbf")) if len(body) <= LONGEST else None
        if self.options.alias and record and (alias := alias_order(body, record)):
            if words := alias.complaint:
                self.voice.log(words)
            elif alias.order:
                self.session.note("order", policy=alias.order.policy, start=alias.order.start)
                self.voice.log("RESTART requested; waiting for result... 0s")
                self.carry_out(self.machine.order(alias.order, time.monotonic()))
            return
        self.take(line, record)

    def take(self, line: bytes, record: dict[str, Any] | None) -> None:
        if record is not None:
            self.table.take([event for event in self.sent.sent(record) if event.kind != "prompt"], time.monotonic())
        if record is not None and is_user_message(record):
            self.receive(line, record)
        elif self.writer and self.machine.phase in ("running", "draining"):
            self.writer.put("", line)  # an answer or an interrupt may be what ends the turn
        else:
            self.first.append(line)

    def receive(self, line: bytes, record: dict[str, Any]) -> None:
        """A message: it has a name from now on, and is kept until it is taken in."""
        key = record.get("uuid")
        if not isinstance(key, str) or not key:
            key = str(uuid.uuid4())
            self.ours[key] = None
            if self.echoes:
                line = with_first(line, "uuid", key)
        if self.inbox:
            self.inbox.put(key, line)
        self.table.receive(key, line)
        self.hand_on()

    def hand_on(self) -> None:
        """Give the agent what waits, unless it is about to be restarted."""
        if self.machine.phase != "running" or self.writer is None:
            return
        for message in self.table.unwritten():
            if message.key not in self.handed:
                self.handed.add(message.key)
                self.writer.put(message.key, message.line)
        if self.input_ended:
            self.writer.end()

    # -- output -------------------------------------------------------------------------------------------------------

    def listens(self) -> bool:
        return True

    def listens_to(self) -> tuple[bytes, ...]:
        return ()

    def change_of_output(self) -> Callable[[bytes], bytes] | None:
        if not (self.options.restartable and self.speaker.speaks_claude):
            return super().change_of_output()
        return EchoFilter(self.echoes and REPLAY not in self.options.command, self.ours)

    def heard(self, generation: int) -> Callable[[list[Any]], None]:
        def told(events: list[Any]) -> None:
            for event in events:
                if words := mirrored(event, self.options.mirror):
                    self.voice.say(words)
            self.events.put(Said("told", generation, events))

        return told

    def on_told(self, events: Iterable[Event], now: float) -> None:
        if self.watchdog:
            self.watchdog.heard(events, now)
        for event in events:
            if event.kind == "session" and event.key:
                self.conversation = event.key
        for message in self.table.take(events, now):
            self.note_message(message)
        self.table.forget_done()
        while len(self.ours) > MOST_NAMES:
            del self.ours[next(iter(self.ours))]

    def note_message(self, message: Message) -> None:
        self.session.note("message", key=message.key, status=message.status, turn=message.turn)
        self.mark(message.key, message.status)

    def mark(self, key: str, status: str) -> None:
        if self.inbox:
            self.inbox.mark(key, status)

    # -- orders -------------------------------------------------------------------------------------------------------

    def on_order(self, words: dict[str, Any], answer: Callable[[dict[str, Any]], None]) -> None:
        aside: Aside = parse_order(words)
        if aside.complaint:
            answer({"ok": False, "error": aside.complaint})
        elif aside.order:
            self.answers[aside.order.id] = answer
            self.session.note("order", policy=aside.order.policy, start=aside.order.start)
            self.carry_out(self.machine.order(aside.order, time.monotonic()))
        elif aside.what == "send":
            self.take(aside.line, read_record(aside.line))
            answer({"ok": True})
        elif aside.what == "interrupt":
            self.interrupt()
            answer({"ok": True})
        elif aside.what == "stop":
            self.machine.quit()
            self.on_signal(signal.SIGTERM)
            answer({"ok": True})
        else:
            answer(self.state())

    def state(self) -> dict[str, Any]:
        idle = self.table.is_idle(time.monotonic())
        return {
            "ok": True,
            "session": self.session.id,
            "phase": self.machine.phase,
            "idle": idle,
            "generation": self.generation,
            "pid": self.child.pid if self.child else None,
            "conversation": self.conversation,
            "messages": self.table.counts(),
            "unrecorded_bytes": self.session.missed,
        }

    def carry_out(self, acts: Iterable[Act]) -> None:
        for act in acts:
            if act.what == "log":
                self.voice.log(act.value)
            elif act.what == "answer":
                self.answer(*act.value)
            elif act.what == "start":
                self.restart(act.value)
            elif act.what == "interrupt":
                self.interrupt()
            elif act.what == "close" and self.writer:
                self.killed = True
                self.writer.end()
            elif act.what in ("terminate", "kill") and self.child:
                self.killed = True
                self.child.signal(signal.SIGKILL if act.what == "kill" else signal.SIGTERM)

    def answer(self, order: Order, ok: bool, words: str) -> None:
        self.session.note("order answered", ok=ok, words=words)
        if answer := self.answers.pop(order.id, None):
            answer({"ok": ok, "words": words, "session": self.session.id, "generation": self.generation})
        elif not ok:
            self.voice.log(words)
        if not ok:
            if order.message:  # the wait is over: it goes to the agent that there is
                self.take(order.message, read_record(order.message))
            self.hand_on()

    def restart(self, order: Order) -> None:
        self.table.merged() if self.table.is_idle(time.monotonic()) else None
        if order.message:
            self.take_first(order.message)
        self.start(self.command(order))

    def take_first(self, line: bytes) -> None:
        """A message that goes to the new process before those that waited."""
        record = read_record(line)
        waiting = {message.key: message for message in self.table.unwritten()}
        for key in waiting:
            del self.table.messages[key]
        if record is not None and is_user_message(record):
            self.receive(line, record)
        else:
            self.first.append(line)
        self.table.messages.update(waiting)

    def interrupt(self) -> None:
        """End the turn. Claude Code's own request keeps the process; others are sent a signal."""
        if self.speaker.speaks_claude and self.writer:
            self.writer.put("", interrupt_line(f"{OWN}{uuid.uuid4()}"))
        elif self.child:
            self.child.signal(signal.SIGINT)

    def bark(self, now: float) -> None:
        self.voice.log(f"nothing came for {self.options.watchdog_s:g} s in a turn; restarting the agent")
        self.session.note("hang")
        self.carry_out(self.machine.order(Order(policy="now", start="resume"), now))
