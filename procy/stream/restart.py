"""When to end the agent and start it again: a state machine without a clock, processes or threads.

``running → draining → stopping → running``, or ``waiting`` between a crash and the next start. Each call returns what is to be
done, in order. Times are seconds of any one clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Policy = Literal["when-idle", "interrupt", "now"]
Start = Literal["fresh", "resume", "fork"]
Phase = Literal["running", "draining", "stopping", "waiting", "ended"]

WORD_S = 2.0  # between two words about the wait, as the first claudix4 has it
INTERRUPT_S = 10.0  # an interrupted agent writes its result meanwhile
STOP_S = 5.0  # between closing its input, SIGTERM and SIGKILL
BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
MOST_AN_HOUR = 10
HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Order:
    """``limit_s``: how long ``when-idle`` waits, and ``then`` what is done. ``again``: send what was not taken in again."""

    id: str = ""
    policy: Policy = "when-idle"
    start: Start = "fresh"
    limit_s: float | None = None
    then: Literal["give-up", "interrupt", "now"] = "give-up"
    message: bytes = b""
    again: bool = True


class Act(NamedTuple):
    """``what``: interrupt, close, terminate, kill, start (value: Order), answer (value: (Order, ok, words)), log, end."""

    what: str
    value: Any = None


class Machine:
    def __init__(self, resume_on_crash: bool = False) -> None:
        self.resume_on_crash = resume_on_crash
        self.phase: Phase = "running"
        self.order_now: Order | None = None
        self.since = 0.0
        self.deadline: float | None = None
        self.said_at = 0.0
        self.harder = ["terminate", "kill"]
        self.crashes: list[float] = []
        self.status = 0

    def order(self, order: Order, now: float) -> list[Act]:
        """Somebody wants a restart."""
        if self.phase == "ended":
            return [Act("answer", (order, False, "the agent has ended"))]
        if self.order_now:
            return [Act("answer", (order, False, "a restart is under way already"))]
        self.order_now = order
        if self.phase == "waiting":
            return self._start()
        if order.policy == "now":
            return self._stop("terminate", now)
        self.phase, self.since, self.said_at = "draining", now, now
        if order.policy == "interrupt":
            self.deadline = now + INTERRUPT_S
            return [Act("interrupt")]
        self.deadline = None if order.limit_s is None else now + order.limit_s
        return []

    def step(self, idle: bool, now: float) -> list[Act]:
        """Time has passed, or something is known that was not."""
        if self.phase == "draining":
            return self._drain(idle, now)
        if self.phase == "stopping" and self.deadline is not None and now >= self.deadline:
            harder = self.harder.pop(0) if self.harder else "kill"
            self.deadline = now + STOP_S
            return [Act(harder)]
        if self.phase == "waiting" and self.deadline is not None and now >= self.deadline:
            self.order_now = Order(start="resume")
            return self._start()
        return []

    def exited(self, status: int, wanted: bool, now: float) -> list[Act]:
        """The agent is gone. ``wanted``: there is input for it still, or may come."""
        self.status = status
        if self.phase in ("stopping", "draining") and self.order_now:
            return self._start()
        if self.resume_on_crash and status != 0 and wanted:
            self.crashes = [at for at in self.crashes if now - at < HOUR_S] + [now]
            if len(self.crashes) <= MOST_AN_HOUR:
                pause = BACK_OFF_S[min(len(self.crashes), len(BACK_OFF_S)) - 1]
                self.phase, self.deadline = "waiting", now + pause
                return [Act("log", f"the agent ended with status {status}; starting it again in {pause:g} s")]
            self.phase = "ended"
            return [Act("log", f"the agent ended {len(self.crashes)} times within an hour; giving up"), Act("end", status)]
        self.phase = "ended"
        return [Act("end", status)]

    def quit(self) -> None:
        """Whatever comes, do not start again."""
        self.resume_on_crash = False
        self.order_now = None
        if self.phase == "waiting":  # nobody is there whose end could be awaited
            self.phase = "ended"
        elif self.phase != "ended":
            self.phase = "running"

    # -- steps --------------------------------------------------------------------------------------------------------

    def _drain(self, idle: bool, now: float) -> list[Act]:
        order = self.order_now
        assert order
        if idle:
            return [Act("log", "Result observed; restarting..."), *self._stop("close", now)]
        if self.deadline is not None and now >= self.deadline:
            if order.policy == "interrupt" or order.then == "now":
                return self._stop("terminate", now)
            if order.then == "interrupt":
                self.order_now = None
                return self.order(Order(**{**order.__dict__, "policy": "interrupt"}), now)
            self.phase, self.order_now = "running", None
            return [Act("answer", (order, False, "timed out, not restarted"))]
        if now - self.said_at >= WORD_S:
            self.said_at = now
            return [Act("log", f"RESTART requested; waiting for result... {round(now - self.since)}s")]
        return []

    def _stop(self, how: str, now: float) -> list[Act]:
        self.phase, self.deadline = "stopping", now + STOP_S
        self.harder = ["kill"] if how == "terminate" else ["terminate", "kill"]
        return [Act(how)]

    def _start(self) -> list[Act]:
        order, self.order_now = self.order_now, None
        self.phase, self.deadline = "running", None
        return [Act("start", order), Act("answer", (order, True, "restarted"))]
