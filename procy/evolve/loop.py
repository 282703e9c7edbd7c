"""The loop of one run: lanes that take tries through their steps until something ends it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Literal

from procy import ids
from procy.errors import ProcyError
from procy.evolve.archive import DONE, finished, notes_of
from procy.evolve.claim import measure_claim
from procy.evolve.heartbeat import Heartbeat
from procy.evolve.lane import Lane, Stopped
from procy.evolve.steps import IN_A_LANE, STEPS, carry
from procy.evolve.workshop import Workshop
from procy.store import runs
from procy.store.db import iso, open_reader
from procy.store.runs import Row
from procy.store.write import written
from procy.tries import Outcome


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run left off."""

    status: Literal["done", "stopped", "paused", "failed"]
    reason: str


class Loop:
    """``lanes`` are prepared by their first try. ``show`` is called when there is something new to see, ``conclude`` when all
    tries are made."""

    def __init__(
        self,
        shop: Workshop,
        lanes: Sequence[Lane],
        show: Callable[[], None] = lambda: None,
        conclude: Callable[[Workshop], None] = measure_claim,
    ) -> None:
        self.shop, self.lanes, self.conclude = shop, lanes, conclude
        self.heart = Heartbeat(shop, show)

    def run(self) -> Ending:
        """Until the run is over, paused or stopped; its row says so then."""
        self.shop.change_run(status="running", wanted="run", reason=None, ended_at=None, claim=None)
        with self.heart:
            ending = self.work()
        over = ending.status in ("done", "failed")
        self.shop.change_run(
            status=ending.status, reason=ending.reason, ended_at=iso(time.time_ns()) if over else None, wanted="run"
        )
        if ending.status == "stopped":
            self.interrupt()
        if over and not self.shop.plan.keep_lanes:
            for lane in self.lanes:
                with suppress(ProcyError):  # its pane or its host may be gone
                    lane.close()
        return ending

    def work(self) -> Ending:
        try:
            self.remember()
            if self.shop.start.score is None and self.shop.start.status != "invalid":
                what = f"the start could not be measured ({self.shop.start.status}: {self.shop.start.reason})"
                return Ending("failed", f"{what}. Mend it, try it with procy eval run, and start again")
            with ThreadPoolExecutor(len(self.lanes), "lane") as pool:
                self.supervise([pool.submit(self.make_tries, lane) for lane in self.lanes])
            reason = self.reason_to_end()
            self.conclude(self.shop)
        except Stopped:
            return Ending("stopped", "stopped by hand")
        except ProcyError as error:
            if self.heart.stop_wanted:  # a proposer that was told to stop
                return Ending("stopped", "stopped by hand")
            return Ending("paused", str(error))
        return Ending("done", reason)

    def remember(self) -> None:
        """Show the strategy what there is, and measure the start where that was not done."""
        with open_reader(self.shop.places.db) as connection:
            outcomes = finished(connection, self.shop.run_id)
            start = runs.tries_of(connection, self.shop.run_id)[0]
        for outcome in outcomes:
            self.shop.observe(outcome)
        while start["step"] != DONE:
            self.shop.watch()
            start = STEPS[start["step"]](self.shop, self.lanes[0], start)  # full and record, which need no lane
            self.shop.on_change()

    def supervise(self, futures: Sequence[Future[None]]) -> None:
        """Wait for the lanes. Raises what the first of them raised, when all have come to rest."""
        done: set[Future[None]] = set()
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            if len(done) < len(futures):
                self.shop.stop.set()
                wait(futures)
        for future in done:
            future.result()

    def make_tries(self, lane: Lane) -> None:
        """One try after the other, in one lane."""
        while (row := self.next_try(lane)) is not None:
            carry(self.shop, lane, row)

    def next_try(self, lane: Lane) -> Row | None:
        """The try that this lane left unfinished, else a new one; None when the run is to end."""
        shop = self.shop
        with shop.lock:
            shop.watch()
            with open_reader(shop.places.db) as connection:
                rows = runs.tries_of(connection, shop.run_id)
            others = {one.number for one in self.lanes} - {lane.number}
            left = [row for row in rows if row["step"] != DONE and row["lane"] not in others]
            if left:
                return self.take_over(left[0], lane)
            under_way = sum(row["step"] != DONE for row in rows)
            if self.reason_to_end(under_way):
                return None
            return self.begin_try(len(rows), lane)

    def take_over(self, row: Row, lane: Lane) -> Row:
        """An unfinished try of this lane, of none yet, or of one that there is no more."""
        if row["lane"] == lane.number:
            return row
        step = "checkout" if row["step"] in IN_A_LANE else row["step"]
        return self.shop.change_try(row, lane=lane.number, step=step)

    def begin_try(self, seq: int, lane: Lane) -> Row:
        shop, now_ns = self.shop, time.time_ns()
        choice = shop.asked(shop.strategy.pick_parent, Random(f"{shop.plan.seed}/{seq}"))
        try_id = ids.new_id(now_ns, secrets.token_bytes(10))
        values = {"run_id": shop.run_id, "seq": seq, "parent_id": choice.parent.id, "step": "checkout", "lane": lane.number,
                  "notes": notes_of(choice)}  # fmt: skip
        with written(shop.places.db) as connection:
            runs.add_try(connection, try_id, now_ns, values)
        with open_reader(shop.places.db) as connection:
            return runs.try_by_id(connection, try_id)

    def reason_to_end(self, under_way: int = 0) -> str:
        """Why no more tries are begun; "" while some are."""
        shop, budget = self.shop, self.shop.budget
        made = [outcome for outcome in shop.outcomes[1:] if outcome.status != "vetoed"]
        best, target = shop.best.score, shop.plan.target
        with open_reader(shop.places.db) as connection:
            tokens, usd = runs.usage_of_run(connection, shop.run_id)
            measuring_s = runs.evaluator_seconds(connection, shop.run_id)
        reasons = (
            (target is not None and best is not None and best >= target, "the target is reached"),
            (
                reached(len(made) + under_way, budget.tries),
                "its one try is made" if budget.tries == 1 else f"all {budget.tries} tries are made",
            ),
            (reached(self.heart.seconds(), budget.seconds), "its time is used up"),
            (reached(tokens, budget.tokens), "its tokens are used up"),
            (reached(usd, budget.usd), "its money is used up"),
            (reached(measuring_s, budget.evaluator_seconds), "its time for evaluating is used up"),
            (reached(stalled(made), budget.stall), f"{budget.stall} tries in a row brought nothing"),
        )
        return next((text for is_so, text in reasons if is_so), "")

    def interrupt(self) -> None:
        """Agents that still work on a try need not: it begins anew when the run is resumed."""
        with open_reader(self.shop.places.db) as connection:
            rows = runs.tries_of(connection, self.shop.run_id)
        lanes = {lane.number: lane for lane in self.lanes}
        for row in rows:
            if row["step"] in ("inject", "wait") and row["session_id"] and row["lane"] in lanes:
                lanes[row["lane"]].interrupt(row["session_id"])
        with written(self.shop.places.db) as connection:
            runs.begin_anew(connection, self.shop.run_id, ("inject", "wait"))


def reached(used: float, limit: float | None) -> bool:
    return limit is not None and used >= limit


def stalled(outcomes: Sequence[Outcome]) -> int:
    """Tries since one was kept."""
    count = 0
    for outcome in reversed(outcomes):
        if outcome.decision == "kept":
            break
        count += 1
    return count
