"""What was known before a prompt was written, as the messages that a proxy model is given: never the answer to it, nothing later.

Of a try they are those of the proposer ``model`` (``procy/evolve/prompts/model_*.jinja``), so that a model is trained on what it
will be asked. Of any other prompt they are the conversation so far.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any, TypedDict

from procy.evolve.hindsight import Hindsight
from procy.evolve.templates import Templates
from procy.evolve.words import cleaned, shorten

PROMPT, ANSWER = 2_000, 1_200  # characters of one earlier turn
TURNS = 30  # that are looked at
LEAST = 800


class Message(TypedDict):
    role: str
    content: str


class Situations:
    """``characters``: of all messages of one row together, at most."""

    def __init__(self, connection: sqlite3.Connection, hindsight: Hindsight, templates: Templates, characters: int) -> None:
        self.connection, self.hindsight, self.templates, self.characters = connection, hindsight, templates, characters

    def of_try(self, try_id: str) -> list[Message] | None:
        """None where what it was told cannot be told any more."""
        row = self.connection.execute("SELECT run_id FROM tries WHERE id = ?", (try_id,)).fetchone()
        brief = self.hindsight.brief(row["run_id"], try_id) if row else None
        if brief is None:
            return None
        system = self.templates.render_brief("model_system.jinja", brief, self.characters)
        room = max(LEAST, self.characters - len(system))
        return messages(system, self.templates.render_brief("model_user.jinja", brief, room))

    def of_turn(self, turn_id: str) -> list[Message] | None:
        """None where the turn is gone."""
        turn = self.connection.execute(
            "SELECT turns.session_id, turns.seq, sessions.agent, sessions.cwd FROM turns "
            "JOIN sessions ON sessions.id = turns.session_id WHERE turns.id = ?",
            (turn_id,),
        ).fetchone()
        if turn is None:
            return None
        system = self.templates.render("conversation_system.jinja")
        before = self.connection.execute(
            "SELECT prompt, response, status FROM turns WHERE session_id = ? AND seq < ? AND kind = 'prompt' "
            "ORDER BY seq DESC LIMIT ?",
            (turn["session_id"], turn["seq"], TURNS),
        ).fetchall()[::-1]
        goal = self.connection.execute(
            "SELECT prompt FROM turns WHERE session_id = ? AND seq < ? AND kind = 'prompt' ORDER BY seq LIMIT 1",
            (turn["session_id"], turn["seq"]),
        ).fetchone()
        whole = {
            "agent": turn["agent"], "directory": os.path.basename(turn["cwd"] or ""),
            "goal": shorten(cleaned(goal["prompt"]), PROMPT) if goal and len(before) == TURNS else "",
        }  # fmt: skip
        return messages(system, self.fitted(whole, [told(row) for row in before], self.characters - len(system)))

    def fitted(self, whole: dict[str, Any], turns: Sequence[dict[str, str]], room: int) -> str:
        """With as many of the last turns as there is room for."""
        for first in range(len(turns) + 1):
            text = self.templates.render("conversation_user.jinja", conversation={**whole, "turns": turns[first:]})
            if len(text) <= room:
                return text
        return shorten(text, max(room, LEAST))


def told(row: sqlite3.Row) -> dict[str, str]:
    return {
        "prompt": shorten(cleaned(row["prompt"]), PROMPT), "answer": shorten(cleaned(row["response"]), ANSWER),
        "status": row["status"],
    }  # fmt: skip


def messages(system: str, user: str) -> list[Message]:
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]
