"""One stream from its start to its end: the threads that carry bytes, and the main one that decides."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from procy.places import Places
from procy.stream.child import Child
from procy.stream.listen import Listener
from procy.stream.mirror import Voice, mirrored
from procy.stream.options import Options
from procy.stream.pump import CHUNK, Pump, write_all
from procy.stream.session import Session, open_session

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
ASK_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
LAST_WORDS_S = 2.0
WAKE_S = 0.3
IN, OUT, ERR = 0, 1, 2


class Said(NamedTuple):
    """Something for the main thread, from one of the others or from a signal. ``generation`` 0: of the stream itself."""

    what: str
    generation: int
    value: Any = None


class Passage:
    """A stream that is only passed on, recorded and perhaps mirrored."""

    def __init__(self, options: Options, places: Places) -> None:
        self.options, self.places = options, places
        self.events: queue.SimpleQueue[Said] = queue.SimpleQueue()  # signal handlers may put into it
        self.voice = Voice(ERR, options.label)
        self.session: Session = open_session(options, places, self.voice.log)
        self.generation = 0
        self.child: Child | None = None
        self.pumps: list[Pump] = []
        self.killed = False

    # -- life ---------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        for number in (*PASSED_ON, signal.SIGTSTP, signal.SIGCONT):
            signal.signal(number, lambda number, _: self.events.put(Said("signal", 0, number)))
        self.voice.start()
        try:
            self.start(self.options.command)
            threading.Thread(target=self.read_input, name="input", daemon=True).start()
            status = self.attend()
        except BaseException:
            self.session.end(1)
            raise
        self.session.end(status)
        self.voice.end(LAST_WORDS_S)
        return status

    def start(self, argv: Sequence[str]) -> Child:
        """The agent, and what carries its words."""
        self.generation += 1
        self.killed = False
        child = self.child = Child(argv, f"{self.session.id}.{self.generation}", os.environ)
        self.session.start(self.generation, child.pid, argv)
        self.voice.log(f"{'started' if self.generation == 1 else 'restarted; new'} PID {child.pid}: {' '.join(argv)}")
        out = Pump("out", child.stdout, OUT, self.looks("<"), self.change_of_output())
        self.pumps = [out, Pump("err", child.stderr, ERR, self.looks("!"))]
        for pump in self.pumps:
            pump.start()
        threading.Thread(target=self.bury, args=(child, self.generation), name="bury", daemon=True).start()
        return child

    def bury(self, child: Child, generation: int) -> None:
        self.events.put(Said("exit", generation, child.wait()))

    def attend(self) -> int:
        """Until the agent is gone and all that it said has been passed on."""
        while True:
            try:  # a signal may come to another thread than this, which then does not wake
                said = self.events.get(timeout=WAKE_S)
            except queue.Empty:
                continue
            if said.what == "signal":
                self.on_signal(said.value)
            elif said.what == "exit" and said.generation == self.generation:
                self.drain()
                return int(said.value)

    def drain(self) -> None:
        """The agent is gone. Pass on what it wrote before; end what a killed one left running."""
        for pump in self.pumps:
            pump.gone.set()
        for pump in self.pumps:
            pump.join()
        for side in "<!":
            self.session.end_side(side)
        if self.child and self.killed and (left := self.child.sweep()):
            self.voice.log(f"ended {len(left)} processes that the agent had left running")
            self.session.note("swept", pids=left)

    # -- bytes --------------------------------------------------------------------------------------------------------

    def looks(self, side: str) -> Callable[[bytes], None]:
        """What looks at one of the agent's two streams."""
        record = self.session.chunk
        if side == "!" or not self.listens():
            return lambda data: record(side, data)
        listener = Listener(self.heard(self.generation), self.listens_to())

        def look(data: bytes) -> None:
            record(side, data)
            listener.feed(data)

        return look

    def listens(self) -> bool:
        return self.options.mirror != "off"

    def listens_to(self) -> tuple[bytes, ...]:
        """How the lines begin that are looked at; () for all."""
        return (b'{"type":"assistant"', b'{"type": "assistant"') if self.options.speaker.speaks_claude else ()

    def heard(self, generation: int) -> Callable[[list[Any]], None]:
        def told(events: list[Any]) -> None:
            for event in events:
                if words := mirrored(event, self.options.mirror):
                    self.voice.say(words)

        return told

    def change_of_output(self) -> Callable[[bytes], bytes] | None:
        if not self.options.normalize:
            return None
        from procy.stream.normalize import Normalizer

        return Normalizer()

    def read_input(self) -> None:
        """Ours to the agent's. It is written down first: then no answer is known before its question."""
        child = self.child
        assert child
        try:
            while data := os.read(IN, CHUNK):
                self.session.chunk(">", data)
                write_all(child.stdin, data)
        except OSError:
            pass
        self.session.end_side(">")
        child.close_input()

    # -- signals ------------------------------------------------------------------------------------------------------

    def on_signal(self, number: int) -> None:
        child = self.child
        if child is None:
            return
        if number == signal.SIGTSTP:
            child.signal(signal.SIGSTOP)  # the polite one is ignored in a group without a terminal
            os.kill(os.getpid(), signal.SIGSTOP)
        elif number == signal.SIGCONT:
            child.signal(signal.SIGCONT)
        elif number in ASK_TO_END:
            self.killed = True
            child.end_by(number)
        else:
            child.signal(number)
