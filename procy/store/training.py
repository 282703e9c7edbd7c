"""What a proxy model could learn from, newest first, and what was exported of it.

``limit`` None reads everything there is.
"""

import sqlite3
from collections.abc import Iterator

HUMAN = """
SELECT turns.id, turns.prompt AS text, turns.kind, turns.started_at AS at, turns.id AS turn_id, NULL AS try_id,
       sessions.agent, sessions.name AS session, sessions.cwd,
       EXISTS (SELECT 1 FROM corrections WHERE turn_id = turns.id AND replaced_by IS NULL AND deleted_at IS NULL) AS corrected
FROM turns INDEXED BY turns_origin JOIN sessions ON sessions.id = turns.session_id
WHERE turns.origin = 'human' AND (sessions.parent_id IS NULL OR sessions.pane_id IS NOT NULL)
ORDER BY turns.started_at DESC LIMIT ?
"""
CORRECTED = """
SELECT id, chosen AS text, rejected AS against, created_at AS at, turn_id, try_id, note, author, replaced_by, deleted_at
FROM corrections ORDER BY created_at DESC, id DESC LIMIT ?
"""
PROXY = """
SELECT tries.id, coalesce(proposed, prompt) AS text, tries.started_at AS at, turn_id, tries.id AS try_id, tries.seq,
       prompt_source, verdict, step, status, decision, score, mixed, run_id, comparison ->> 'gain' AS gain
FROM tries
WHERE coalesce(proposed, prompt) IS NOT NULL AND prompt_source IN ('model', 'template', 'agent')
ORDER BY tries.started_at DESC, tries.id DESC LIMIT ?
"""
PREFERENCES = """
SELECT coalesce(correction_id, chosen_try_id || '/' || rejected_try_id) AS id,
       iif(preferred = 'rejected', rejected, chosen) AS text, iif(preferred = 'rejected', chosen, rejected) AS against, at,
       NULL AS turn_id, chosen_try_id AS try_id, source, preferred, gain, low, high
FROM preferences ORDER BY at DESC LIMIT ?
"""
CANDIDATES = {"human": HUMAN, "corrected": CORRECTED, "proxy": PROXY, "preferences": PREFERENCES}


def candidates(connection: sqlite3.Connection, category: str, limit: int | None = None) -> Iterator[sqlite3.Row]:
    """Every row of a category, usable or not: ``id``, ``text``, ``at``, ``turn_id``, ``try_id`` and what else is known of it."""
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    yield from cursor.execute(CANDIDATES[category], (-1 if limit is None else limit,))


def human_prompts(connection: sqlite3.Connection) -> int:
    """How many turns a human began, sub-agents' left out."""
    found: int = connection.execute(
        "SELECT coalesce(sum(turns), 0) FROM activity JOIN sessions ON sessions.id = activity.session_id "
        "WHERE activity.origin = 'human' AND (parent_id IS NULL OR pane_id IS NOT NULL)"
    ).fetchone()[0]
    return found
