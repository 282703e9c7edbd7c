"""Corrections as pages show them: how a prompt was changed, what that was worth, and what can still be corrected."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from procy.errors import HandleError
from procy.parse.redact import mask
from procy.store import correction_pages, run_pages, session_pages
from procy.store.correction_pages import STATES, Filter
from procy.store.corrections import Prompt
from procy.store.read import short
from procy.ui.live import BEHIND, Event
from procy.ui.measures import Gain, Metric, gain_of, json_object, judge_of
from procy.ui.pages import Pages
from procy.ui.word_diff import Piece, brief, word_diff

PAGE = 40
WHOLE = 20_000  # characters of both texts up to which what is the same is shown, too
TOLD = {"chosen": "replayed: better", "rejected": "replayed: worse", None: "replayed: no difference to be seen"}


@dataclass(frozen=True, slots=True)
class Worth:
    """What a replay measured. ``good``: whether the corrected prompt is better, None where that cannot be told."""

    words: str
    good: bool | None
    gain: Gain | None
    metric: Metric
    run_id: str | None


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """``row`` is a correction as ``correction_pages`` gives it."""

    row: sqlite3.Row
    pieces: list[Piece]
    worth: Worth | None

    @property
    def path(self) -> str | None:
        """Of what was corrected, below the pages' root; None where it is gone."""
        return path_of(self.row["turn_id"], self.row["try_id"])


def path_of(turn_id: str | None, try_id: str | None) -> str | None:
    return f"corrections/turn/{turn_id}" if turn_id else f"corrections/try/{try_id}" if try_id else None


def view(row: sqlite3.Row, whole: bool = False) -> CorrectionView:
    """``whole``: with what stayed the same, where that is not too much."""
    pieces = word_diff(row["rejected"], row["chosen"])
    is_short = len(row["rejected"]) + len(row["chosen"]) <= WHOLE
    return CorrectionView(row, pieces if whole and is_short else brief(pieces), worth_of(row))


def worth_of(row: sqlite3.Row) -> Worth | None:
    if not row["replay_id"]:
        return None
    found, judge = json_object(row["outcome"]), judge_of(row["definition"])
    if not found:
        return Worth("replay begun", None, None, judge.objective, row["replay_id"])
    preferred = found.get("preferred") if found.get("preferred") in TOLD else None
    good = None if preferred is None else preferred == "chosen"
    return Worth(TOLD[preferred], good, gain_of(judge, found, None, None), judge.objective, row["replay_id"])


# -- what is corrected --------------------------------------------------------------------------------------------------


def prompt_of_turn(connection: sqlite3.Connection, handle: str) -> Prompt:
    """By the turn's id or a handle such as ``last:4``. Raises HandleError."""
    turn = session_pages.page_turn(connection, handle)
    return Prompt(turn["id"], turn["try_id"], turn["prompt"])


def prompt_of_try(connection: sqlite3.Connection, try_id: str) -> Prompt:
    """The prompt that became a turn, else the one that is to. Raises HandleError."""
    found = run_pages.page_try(connection, try_id)
    turn = connection.execute("SELECT id, prompt FROM turns WHERE id = ?", (found["turn_id"],)).fetchone()
    if turn:
        return Prompt(turn["id"], try_id, turn["prompt"])
    if not found["prompt"]:
        raise HandleError(f"try {found['seq']} has no prompt", "Correct another one")
    return Prompt(None, try_id, found["prompt"])


def title_of(connection: sqlite3.Connection, prompt: Prompt) -> str:
    if prompt.turn_id:
        turn = session_pages.page_turn(connection, prompt.turn_id)
        return f"Turn {turn['seq']} of {short(turn['session_id'])}"
    return f"Try {run_pages.page_try(connection, prompt.try_id or '')['seq']}"


def draft_of(connection: sqlite3.Connection, prompt: Prompt) -> dict[str, Any]:
    """What an editor begins with: the prompt, and the correction that stands."""
    rows = correction_pages.of_prompt(connection, prompt.turn_id, prompt.try_id)
    standing = next((row for row in rows if row["state"] == "standing"), None)
    return {
        "title": title_of(connection, prompt), "path": path_of(prompt.turn_id, prompt.try_id), "prompt": prompt.text,
        "chosen": standing["chosen"] if standing else prompt.text, "note": (standing["note"] or "") if standing else "",
        "over": standing["id"] if standing else "", "author": standing["author"] if standing else "",
    }  # fmt: skip


# -- the list -----------------------------------------------------------------------------------------------------------


def filter_of(connection: sqlite3.Connection, given: dict[str, str]) -> Filter:
    """From a page's query string. Raises HandleError for a session that is not there."""
    session = given.get("session", "").strip()
    return Filter(
        state=given["state"] if given.get("state") in STATES else "",
        author=given.get("author", ""),
        session=session_pages.page_session(connection, session)["id"] if session else "",
        text=given.get("q", "").strip(),
    )


def query_of(wanted: Filter, **more: str) -> str:
    """The query string that gives a filter again, with its ``?``; "" for none."""
    given = {"state": wanted.state, "author": wanted.author, "session": wanted.session, "q": wanted.text, **more}
    return "?" + urlencode(found) if (found := {name: value for name, value in given.items() if value}) else ""


def place_in_list(text: str) -> tuple[str, str] | None:
    """Where a page of the list goes on: (created_at, id) of the last one on the page before."""
    match = re.fullmatch(r"([^~]*)~(.*)", text)
    return (match[1], match[2]) if match else None


def exported(row: sqlite3.Row) -> str:
    """A line of JSON, every text masked once more: what is known as a secret may have become more since."""
    names = ("id", "turn_id", "try_id", "session_id", "agent", "author", "created_at", "state", "replaced_by", "deleted_at",
             "replay_id")  # fmt: skip
    texts = {name: mask(row[name]) if row[name] else row[name] for name in ("rejected", "chosen", "note")}
    facts = {**{name: row[name] for name in names}, **texts, "outcome": json_object(row["outcome"]) or None}
    return json.dumps(facts, ensure_ascii=False) + "\n"


class CorrectionsTopic:
    """New corrections, and what became of others. An event's id is the revision that the page knows then."""

    key = "corrections"

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.revision: int | None = None

    def news(self, connection: sqlite3.Connection) -> list[Event]:
        known, self.revision = self.revision, correction_pages.revision(connection)
        return [] if known is None or known == self.revision else self.after(connection, known)

    def since(self, connection: sqlite3.Connection, last_id: str) -> list[Event]:
        known = re.fullmatch(r"\d{1,15}", last_id)
        return self.after(connection, int(last_id)) if known else []

    def after(self, connection: sqlite3.Connection, revision: int) -> list[Event]:
        rows = correction_pages.changed(connection, revision, PAGE + 1)
        if len(rows) > PAGE:
            return [BEHIND]
        return [self.event(row) for row in rows]

    def event(self, row: sqlite3.Row) -> Event:
        facts = {"id": row["id"], "version": row["revision"], "html": self.pages.render("correction.html", {"one": view(row)})}
        return Event("correction", json.dumps(facts), str(row["revision"]))
