"""A run of the loop and its tries as their pages show them. Pure."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procy.ui import words
from procy.ui.curve import Tried
from procy.ui.measures import Delta, Figure, Gain, Judge, Known, delta_of, figures_of, gain_of, json_object, judge_of, numbers

COLUMNS = 4  # metrics in the table of tries; a try's own part has them all
BADGES = {"running": "busy", "paused": "waiting", "stopped": "ended", "done": "idle", "failed": "error"}
STEPS = {
    "checkout": "checking out its parent", "propose": "the prompt is being written", "ask": "waits for your word on the prompt",
    "inject": "the prompt is being typed", "wait": "waits for the agent", "commit": "committing what the agent did",
    "smoke": "a quick check", "full": "being measured", "gate": "measured again, beside what it would replace",
    "record": "being recorded",
}  # fmt: skip
WRITERS = {"model": "proxy model", "template": "template", "human": "human", "agent": "agent"}
VERDICTS = {"approved": "approved by a human", "edited": "edited by a human", "vetoed": "vetoed by a human"}


# -- runs ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunView:
    """``row`` is the run as ``run_pages`` gives it; ``gain`` the best over the start, ``claim`` the same measured for that alone.
    ``of``: how many tries it may have, None where that is not limited. ``at_work``: a process has it; one that says to be running
    without was cut off."""

    row: sqlite3.Row
    judge: Judge
    start: float | None
    best: float | None
    gain: Delta | None
    claim: Gain | None
    of: int | None
    took_ms: float
    at_work: bool

    @property
    def status(self) -> str:
        if self.row["status"] != "running":
            return str(self.row["status"])
        if not self.at_work:
            return "cut off"
        return "stopping" if self.row["wanted"] == "stop" else "running"

    @property
    def badge(self) -> str:
        return BADGES["failed" if self.status == "cut off" else self.row["status"]]

    @property
    def lanes(self) -> int:
        return int(limit_of(json_object(self.row["options"]), "lanes") or 1)


def run_view(row: sqlite3.Row, at_work: bool) -> RunView:
    start, best = numbers(row["start_metrics"]), numbers(row["best_metrics"])
    judge = judge_of(row["definition"], start)
    first, found = judge.value_of(row["start_score"], start), judge.value_of(row["best_score"], best)
    gain = None
    if first is not None and found is not None and row["best_seq"]:
        gain = delta_of(judge.objective, "start", 0, found, first)
    claim = gain_of(judge, json_object(row["claim"]), 0, first)
    return RunView(row, judge, first, found, gain, claim, limit_of(json_object(row["budget"]), "tries"), took_ms(row), at_work)


def took_ms(row: sqlite3.Row) -> float:
    """For how long it was at work, in whole minutes where it still is: what is shown shall not change with every look."""
    took = float(row["seconds"]) * 1000
    return took if row["status"] != "running" or took < 60_000 else took // 60_000 * 60_000


def limit_of(budget: Mapping[str, Any], name: str) -> Any:
    value = budget.get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def budget_of(view: RunView, usage: Mapping[str, Any]) -> list[str]:
    """What it used, and how much it may: ``7 of 20 tries``."""
    budget = json_object(view.row["budget"])
    used = {"tries": view.row["done"], "seconds": view.took_ms / 1000, **usage}
    told = []
    for name, say, unit in (
        ("tries", str, "tries"), ("seconds", in_time, ""), ("tokens", words.tokens, "tokens"), ("usd", words.dollars, ""),
        ("evaluator_seconds", in_time, "of evaluating"),
    ):  # fmt: skip
        limit, has = limit_of(budget, name), used.get(name)
        if limit is not None:
            told.append(f"{say(has or 0)} of {say(limit)} {unit}".rstrip())
        elif has:
            told.append(f"{say(has)} {unit}".rstrip())
    if stall := limit_of(budget, "stall"):
        told.append(f"ends after {stall} tries without a gain")
    return told


def in_time(seconds: float) -> str:
    return words.duration(seconds * 1000)


# -- tries --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TryView:
    """``row`` is the try as ``run_pages.page_tries`` gives it. ``now``: what it waits for, "" where it is over."""

    row: sqlite3.Row
    figures: tuple[Figure, ...]
    parent: int | None
    gain: Gain | None
    now: str
    asks: bool

    @property
    def kind(self) -> str:
        return kind_of(self.row)

    @property
    def outcome(self) -> str:
        """``kept``, ``reverted: unchanged``, ``failed: timeout``, ``vetoed``."""
        decision, status = self.row["decision"] or "", self.row["status"]
        if status in (None, "ok"):
            return str(decision or status or "")
        return "vetoed" if status == "vetoed" else f"{decision}: {status}".lstrip(": ")

    @property
    def is_measured(self) -> bool:
        return any(figure.value is not None for figure in self.figures)

    @property
    def against(self) -> list[str]:
        """What its figures are compared with."""
        return list(dict.fromkeys(delta.against for figure in self.figures for delta in figure.deltas))

    @property
    def writer(self) -> str:
        """Who wrote the prompt, and what a human said of it."""
        told = (WRITERS.get(self.row["prompt_source"], ""), VERDICTS.get(self.row["verdict"], ""))
        return ", ".join(text for text in told if text)


def kind_of(row: sqlite3.Row) -> str:
    """kept, reverted, failed, or open while it is not over."""
    return str(row["decision"] or "failed") if row["step"] == "done" else "open"


class Tries:
    """All tries of a run, in short: what each is compared with."""

    def __init__(self, rows: Sequence[sqlite3.Row], judge: Judge) -> None:
        self.judge = judge
        self.rows = {row["id"]: row for row in rows}
        self.metrics = {row["id"]: numbers(row["metrics"]) for row in rows}
        self.best_before: dict[str, str | None] = {}
        best: sqlite3.Row | None = None
        for row in rows:
            self.best_before[row["id"]] = best["id"] if best else None
            if row["decision"] == "kept" and row["score"] is not None and (best is None or row["score"] > best["score"]):
                best = row

    def known(self, try_id: str | None) -> Known | None:
        return (self.rows[try_id]["seq"], self.metrics[try_id]) if try_id in self.rows else None

    def gain(self, row: sqlite3.Row) -> Gain | None:
        found = json_object(row["comparison"])
        other = self.rows.get(found.get("with"))
        base = self.judge.value_of(other["score"], self.metrics[other["id"]]) if other else None
        return gain_of(self.judge, found, other["seq"] if other else None, base)

    def tried(self) -> list[Tried]:
        return [
            Tried(row["id"], row["seq"], kind_of(row), row["score"],
                  self.judge.value_of(row["score"], self.metrics[row["id"]]), self.gain(row))
            for row in self.rows.values()
        ]  # fmt: skip

    def view(self, row: sqlite3.Row, is_running: bool) -> TryView:
        parent = self.known(row["parent_id"])
        best = self.known(self.best_before.get(row["id"]))
        figures = figures_of(self.judge, self.metrics.get(row["id"], {}), parent, best)
        now, asks = now_of(row, is_running)
        return TryView(row, figures, parent[0] if parent else None, self.gain(row), now, asks)

    def counts(self) -> str:
        """``3 kept, 5 reverted, 1 failed``; the start is none of them."""
        kinds = [kind_of(row) for row in self.rows.values() if row["seq"] > 0]
        told = [f"{kinds.count(kind)} {word}" for kind, word in COUNTED if kinds.count(kind)]
        return ", ".join(told) or "no tries yet"


COUNTED = (("kept", "kept"), ("reverted", "reverted"), ("failed", "failed"), ("open", "under way"))


def now_of(row: sqlite3.Row, is_running: bool) -> tuple[str, bool]:
    """What a try does now, and whether it needs a human."""
    step = row["step"]
    if step == "done":
        return "", False
    if not is_running:
        return f"goes on when the run does ({STEPS.get(step, step)})", False
    if step in ("inject", "wait") and row["session_status"] == "recording" and row["state"] == "waiting":
        return f"the agent asks: {row['state_reason'] or 'something'}", True
    if step == "gate" and row["samples"]:
        return f"{STEPS[step]}, {row['samples']} samples so far", False
    return STEPS.get(step, step), step == "ask"
