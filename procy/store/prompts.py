"""Old prompts, each once, those that are near first."""

import sqlite3
from typing import NamedTuple

MOST = 5_000
HEAD = 400  # characters by which a prompt is found and shown in a list
NEAR = (  # this directory, this repository, anywhere
    "sessions.cwd = :cwd",
    "sessions.repo = :repo AND sessions.cwd IS NOT :cwd",
    "sessions.cwd IS NOT :cwd AND (:repo IS NULL OR sessions.repo IS NOT :repo)",
)


class OldPrompt(NamedTuple):
    """``near``: 0 this directory, 1 this repository, 2 elsewhere. ``head`` is the beginning of the prompt."""

    turn_id: str
    head: str
    started_at: str
    near: int


def old_prompts(connection: sqlite3.Connection, cwd: str, repo: str | None) -> list[OldPrompt]:
    """The newest of equal prompts, newest first within each class; about ``MOST`` at most."""
    found: dict[tuple[str, int], OldPrompt] = {}
    for near, condition in enumerate(NEAR):
        rows = connection.execute(
            f"SELECT turns.id, substr(prompt, 1, {HEAD}), length(prompt), turns.started_at FROM turns "
            f"JOIN sessions ON sessions.id = turns.session_id WHERE kind = 'prompt' AND prompt != '' AND {condition} "
            "ORDER BY turns.started_at DESC",
            {"cwd": cwd, "repo": repo},
        )
        for key, head, length, started_at in rows:
            if len(found) >= MOST:
                return list(found.values())
            found.setdefault((head, length), OldPrompt(key, head, started_at, near))
    return list(found.values())
