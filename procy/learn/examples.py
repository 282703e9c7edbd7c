"""Rows that a proxy model could learn from, with what was known before each, scrubbed, without what repeats or leaks.

A row that is left out is told with its reason, never dropped in silence.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from procy.learn.near import Known
from procy.learn.rows import CATEGORIES, Row, rows_of
from procy.learn.scrub import Scrubber
from procy.learn.situation import Message, Situations

LONGEST = 8_000  # characters of a prompt to be learned
MARGIN = 10.0  # gains are told up to ten times what was there
REASONS = {
    "gone": "what was known before it cannot be told any more",
    "long": f"over {LONGEST:,} characters",
    "near": "nearly the same as a newer one",
    "leak": "nearly the same as one to learn from, so no test",
    "worse": "by measurement the original was better",
    "secret": "has what the scanner takes for a secret, and it cannot be masked",
    "reverted": "its try was not kept",
}
Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """``chosen`` is what should be written in that situation; ``rejected`` what should not, of a pair. ``liked`` False: what was
    written and should not have been, alone. ``margin``: gain of chosen over rejected, as a share; 0 where it was not measured.
    ``weight``: 1, less for what nobody approved of by word or measurement."""

    id: str
    category: str
    group: str  # rows of one group are in one split
    split: Split
    at: str
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str | None = None
    liked: bool = True
    margin: float = 0.0
    weight: float = 1.0
    sessions: tuple[str, ...] = ()  # whose words may be in it


@dataclass
class Gathering:
    """``dropped``: how many rows of which category were left out for which reason. ``since``: only rows from then on;
    ``sessions``: only of these. ``held_out``: share of the groups that are for the test."""

    connection: sqlite3.Connection
    situations: Situations
    scrubber: Scrubber
    since: str = ""
    sessions: frozenset[str] = frozenset()
    held_out: float = 0.1
    seed: int = 0
    dropped: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in CATEGORIES})

    def drop(self, category: str, reason: str) -> None:
        self.dropped[category][reason] += 1

    def pairs(self) -> Iterator[Example]:
        """What is better than what: measured pairs first, then corrections by word alone."""
        yield from self.gather("preferences", self.measured_pair, pairs=True)
        yield from self.gather("corrected", self.correction, pairs=True)

    def texts(self) -> Iterator[Example]:
        """What should be written: corrections, kept tries, prompts of humans."""
        yield from self.gather("corrected", self.correction)
        yield from self.gather("proxy", self.kept_try)
        yield from self.gather("human", self.human)

    def verdicts(self) -> Iterator[Example]:
        """What is good and what is not, each alone."""
        for example in self.gather("corrected", self.correction):
            yield example
            yield replace(example, id=f"{example.id}/rejected", chosen=example.rejected or "", liked=False)
        yield from self.gather("proxy", self.judged_try)
        yield from (replace(example, weight=0.5) for example in self.gather("human", self.human))

    def gather(self, category: str, make: Callable[[Row], Example | str], pairs: bool = False) -> Iterator[Example]:
        known: dict[Split, Known] = {"train": Known(), "test": Known()}
        waiting: list[Example] = []
        for row in rows_of(self.connection, category):
            if row.source["at"] < self.since:
                continue
            found = row.reason or make(row)
            if self.sessions and self.whose(row, found) not in self.sessions:
                continue
            if isinstance(found, str):
                self.drop(category, found)
                continue
            text = f"{found.chosen}\0{found.rejected}" if pairs else found.chosen
            if known[found.split].has_near(text):
                self.drop(category, "near")
                continue
            known[found.split].add(text)
            if found.split == "train":
                yield found
            else:
                waiting.append(found)
        for found in waiting:  # when all is known that is to be learned
            if known["train"].has_near(f"{found.chosen}\0{found.rejected}" if pairs else found.chosen):
                self.drop(category, "leak")
            else:
                yield found

    # -- one row ---------------------------------------------------------------------------------------------------------

    def measured_pair(self, row: Row) -> Example | str:
        """Of tries of one parent the situation is that of the earlier one: the later was told how the earlier ended."""
        if row.source["source"] == "replay":
            correction = self.connection.execute("SELECT turn_id, try_id FROM corrections WHERE id = ?", (row.id,)).fetchone()
            return self.example(row, "preferences", correction["turn_id"], correction["try_id"], margin=self.margin(row))
        chosen, _, rejected = row.id.partition("/")
        first = self.connection.execute(
            "SELECT id FROM tries WHERE id IN (?, ?) ORDER BY started_at, seq LIMIT 1", (chosen, rejected)
        ).fetchone()
        return self.example(row, "preferences", None, first["id"], margin=self.margin(row)) if first else "gone"

    def margin(self, row: Row) -> float:
        """A gain in units of the score, as a share of what the worse one had."""
        found = self.connection.execute(
            "SELECT score FROM tries WHERE id IN (SELECT parent_id FROM tries WHERE id = ?)", (row.source["try_id"],)
        ).fetchone()
        base = abs(found["score"]) if found and found["score"] else 0.0
        return min(abs(row.source["gain"] or 0.0) / base, MARGIN) if base else 0.0

    def correction(self, row: Row) -> Example | str:
        outcome = self.connection.execute(
            "SELECT outcome ->> 'preferred' AS preferred FROM corrections WHERE id = ?", (row.id,)
        ).fetchone()
        if outcome and outcome["preferred"] == "rejected":
            return "worse"
        return self.example(row, "corrected", row.source["turn_id"], row.source["try_id"])

    def kept_try(self, row: Row) -> Example | str:
        return self.judged_try(row) if row.source["decision"] == "kept" else "reverted"

    def judged_try(self, row: Row) -> Example | str:
        return self.example(row, "proxy", None, row.source["try_id"], liked=row.source["decision"] == "kept")

    def human(self, row: Row) -> Example | str:
        return self.example(row, "human", row.source["turn_id"], None)

    def example(
        self, row: Row, category: str, turn_id: str | None, try_id: str | None, margin: float = 0.0, liked: bool = True
    ) -> Example | str:
        if len(row.text) > LONGEST or len(row.against or "") > LONGEST:
            return "long"
        situation = self.situations.of_try(try_id) if try_id else None
        if situation is None and turn_id:
            situation = self.situations.of_turn(turn_id)
        group = self.group_of(turn_id, try_id)
        if situation is None or group is None:
            return "gone"
        scrub = partial(self.scrubber.scrub, group=group)
        account = self.account_of(try_id) if try_id else ""
        return Example(
            id=row.id, category=category, group=group, split=self.split_of(group), at=row.source["at"],
            prompt=tuple(Message(role=one["role"], content=scrub(one["content"])) for one in situation),
            chosen=scrub(row.text.removeprefix(account)),
            rejected=scrub(row.against.removeprefix(account)) if row.against is not None else None,
            margin=margin, liked=liked, sessions=self.sessions_of(group, turn_id, try_id),
        )  # fmt: skip

    def account_of(self, try_id: str) -> str:
        """What procy put before a try's prompt, for an agent that knew nothing of what came before: nobody shall learn it."""
        row = self.connection.execute("SELECT prompt, proposed FROM tries WHERE id = ?", (try_id,)).fetchone()
        whole, own = (row["prompt"] or "", row["proposed"] or "") if row else ("", "")
        return whole.removesuffix(own) if own and whole.endswith(own) else ""

    def group_of(self, turn_id: str | None, try_id: str | None) -> str | None:
        """The session that it all came from: of a try the one that its run began from, else the run itself."""
        if try_id:
            row = self.connection.execute(
                "SELECT coalesce(runs.session_id, runs.id) FROM tries JOIN runs ON runs.id = run_id WHERE tries.id = ?", (try_id,)
            ).fetchone()
            return row[0] if row else None
        row = self.connection.execute(
            "SELECT coalesce(sessions.parent_id, sessions.id) FROM turns JOIN sessions ON sessions.id = turns.session_id "
            "WHERE turns.id = ?", (turn_id,)
        ).fetchone()  # fmt: skip
        return row[0] if row else None

    def whose(self, row: Row, found: Example | str) -> str | None:
        """The group of a row, also of one that is left out."""
        return found.group if isinstance(found, Example) else self.group_of(row.source["turn_id"], row.source["try_id"])

    def sessions_of(self, group: str, turn_id: str | None, try_id: str | None) -> tuple[str, ...]:
        rows = self.connection.execute(
            "SELECT session_id FROM turns WHERE id = ? UNION SELECT session_id FROM tries WHERE id = ?", (turn_id, try_id)
        )
        return tuple({group, *(row[0] for row in rows if row[0])})

    def split_of(self, group: str) -> Split:
        """The same for a group in every export with this seed."""
        digest = hashlib.sha256(f"{self.seed}:{group}".encode()).digest()
        return "test" if int.from_bytes(digest[:4], "big") / (1 << 32) < self.held_out else "train"
