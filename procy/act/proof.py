"""What tells that an agent has a prompt, and that it has answered it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any, Literal

from procy.act.composer import is_command
from procy.act.target import Target
from procy.store import injections
from procy.store.db import open_reader
from procy.store.injections import key_of

CONFIRM_S = 8.0  # a transcript or a hook tells of a prompt in far less
COMMAND_S = 2.0  # and of a command of the agent's own, if it ever does
POLL_S = 0.05


def confirmation(target: Target, injection_id: str, since_ns: int, text: str) -> Literal["transcript", "hook"] | None:
    """Wait for the agent's own word that it has the prompt; None at once from one that gives none."""
    if not (target.profile and target.profile.transcript):
        return None
    until = time.monotonic() + (COMMAND_S if is_command(text) else CONFIRM_S)
    with open_reader(target.places.db) as connection:
        while time.monotonic() < until:
            if injections.turn_of(connection, injection_id):
                return "transcript"
            if hook_tells(connection, target.session_id, since_ns, text):
                return "hook"
            time.sleep(POLL_S)
    return None


def hook_tells(connection: sqlite3.Connection, session_id: str, since_ns: int, text: str) -> bool:
    """Whether a hook of the agent spoke of that prompt since."""
    rows = connection.execute(
        "SELECT payload FROM hook_events WHERE session_id = ? AND at_ns >= ? AND event = 'UserPromptSubmit'",
        (session_id, since_ns),
    )
    return any(key_of(prompt_in(row[0])) == key_of(text) for row in rows)


def prompt_in(payload: str) -> str:
    """Of a UserPromptSubmit hook."""
    try:
        return str(json.loads(payload).get("prompt", ""))
    except (ValueError, AttributeError):
        return ""


def answered_turn(
    target: Target, injection_id: str, patience_s: float, on_question: Callable[[str], None]
) -> dict[str, Any] | None:
    """The prompt's turn once the agent is ready again; None when it is not within ``patience_s``, or has gone.

    ``on_question`` is told, once each, what the agent asks meanwhile.
    """
    until = time.monotonic() + patience_s
    asked = ""
    with open_reader(target.places.db) as connection:
        while time.monotonic() < until:
            row = injections.turn_of(connection, injection_id)
            look = target.look()
            if row and row["status"] != "open" and (look.dead or look.state in ("idle", "error", "")):
                return dict(row)
            if look.dead:
                return None
            if look.state == "waiting" and look.reason != asked:
                asked = look.reason
                on_question(asked)
            time.sleep(2 * POLL_S)
    return None
