"""What the pages of the loop read: runs, their tries, and how a try was measured. Rows are ``sqlite3.Row``."""

import sqlite3

from procy.errors import HandleError
from procy.store.read import short

PROMPT = 400  # of a prompt in the list of tries: enough for its first line
REASON = 600
ANSWER = 20_000  # of what an agent said in a try
RUN = """
SELECT runs.*, evaluators.name AS evaluator, evaluators.definition,
       sessions.agent, sessions.name AS session_name, sessions.cwd,
       start.score AS start_score, start.metrics AS start_metrics,
       best.seq AS best_seq, best.score AS best_score, best.metrics AS best_metrics,
       (SELECT count(*) FROM tries WHERE run_id = runs.id AND seq > 0 AND step = 'done' AND status IS NOT 'vetoed') AS done
FROM runs
LEFT JOIN evaluators ON evaluators.id = runs.evaluator_id
LEFT JOIN sessions ON sessions.id = runs.session_id
LEFT JOIN tries AS start ON start.run_id = runs.id AND start.seq = 0
LEFT JOIN tries AS best ON best.id = runs.best_try_id
"""
TRY = f"""
SELECT tries.id, tries.run_id, tries.seq, tries.parent_id, tries.step, tries.lane, tries.host, tries.prompt_source,
       substr(tries.prompt, 1, {PROMPT}) AS prompt, length(tries.prompt) AS prompt_length, tries.verdict,
       tries.session_id, tries.turn_id, tries.commit_sha, tries.mixed, tries.status, tries.score, tries.metrics,
       tries.comparison, tries.decision, substr(tries.reason, 1, {REASON}) AS reason, tries.started_at, tries.ended_at,
       CASE WHEN json_valid(tries.notes) THEN json_array_length(tries.notes, '$.files') END AS files,
       sessions.status AS session_status, sessions.state, sessions.state_reason,
       (SELECT count(*) FROM evaluations WHERE for_try_id = tries.id) AS samples
FROM tries LEFT JOIN sessions ON sessions.id = tries.session_id
"""


def page_runs(connection: sqlite3.Connection, before: tuple[str, str] | None = None, limit: int = 50) -> list[sqlite3.Row]:
    """Newest first; ``before`` is (started_at, id) of the last one on the page before."""
    where = "WHERE (runs.started_at, runs.id) < (?, ?)" if before else ""
    return connection.execute(
        f"{RUN} {where} ORDER BY runs.started_at DESC, runs.id DESC LIMIT ?", (*(before or ()), limit)
    ).fetchall()


def page_run(connection: sqlite3.Connection, handle: str) -> sqlite3.Row:
    """A run by its id, the beginning or end of it, or ``last``. Raises HandleError."""
    rows = connection.execute(f"{RUN} WHERE runs.id = ?", (handle,)).fetchall()
    if not rows and handle == "last":
        rows = page_runs(connection, limit=1)
    elif not rows and handle.isalnum():
        like = (f"{handle.upper()}%", f"%{handle.upper()}")
        rows = connection.execute(f"{RUN} WHERE runs.id LIKE ? OR runs.id LIKE ? LIMIT 2", like).fetchall()
    return only(rows, f"run {handle!r}")


def page_try(connection: sqlite3.Connection, try_id: str) -> sqlite3.Row:
    """A try with its texts whole. Raises HandleError."""
    rows = connection.execute("SELECT * FROM tries WHERE id = ?", (try_id,)).fetchall()
    return only(rows, f"try {short(try_id)!r}")


def try_number(connection: sqlite3.Connection, run_id: str, seq: int) -> sqlite3.Row:
    """A try of a run with its texts whole. Raises HandleError."""
    rows = connection.execute("SELECT * FROM tries WHERE run_id = ? AND seq = ?", (run_id, seq)).fetchall()
    return only(rows, f"try {seq}")


def answer(connection: sqlite3.Connection, one: sqlite3.Row) -> str:
    """What the agent said in a try: of its turn, else what came back from another host; its beginning."""
    row = connection.execute("SELECT substr(response, 1, ?) FROM turns WHERE id = ?", (ANSWER, one["turn_id"])).fetchone()
    return str((row and row[0]) or (one["response"] or "")[:ANSWER])


def only(rows: list[sqlite3.Row], what: str) -> sqlite3.Row:
    if len(rows) != 1:
        raise HandleError(f"{'several are called' if rows else 'there is no'} {what}", "See them: procy evolve status")
    return rows[0]


def page_tries(
    connection: sqlite3.Connection, run_id: str, before: int | None = None, limit: int = 50, unfinished: bool = False
) -> list[sqlite3.Row]:
    """Newest first, those with ``seq < before``; of long texts only the beginning. ``unfinished``: only tries under way."""
    where = "AND tries.step != 'done'" if unfinished else ""
    return connection.execute(
        f"{TRY} WHERE tries.run_id = ? AND tries.seq < ? {where} ORDER BY tries.seq DESC LIMIT ?",
        (run_id, before if before is not None else 1 << 62, limit),
    ).fetchall()


def tries_in_short(connection: sqlite3.Connection, run_id: str) -> list[sqlite3.Row]:
    """What a curve and a tree need of every try, in order."""
    return connection.execute(
        "SELECT id, seq, parent_id, step, status, decision, score, metrics, comparison FROM tries WHERE run_id = ? ORDER BY seq",
        (run_id,),
    ).fetchall()


def samples(connection: sqlite3.Connection, try_id: str, limit: int) -> list[sqlite3.Row]:
    """The first samples that were taken for a try, its incumbent's among them, with whose they are (seq)."""
    return connection.execute(
        "SELECT stage, purpose, evaluations.status, substr(evaluations.reason, 1, 400) AS reason, evaluations.metrics, "
        "evaluations.score, duration_ms, evaluations.started_at, evaluations.host, try_id, tries.seq AS seq "
        "FROM evaluations LEFT JOIN tries ON tries.id = evaluations.try_id "
        "WHERE for_try_id = ? ORDER BY evaluations.started_at, evaluations.id LIMIT ?",
        (try_id, limit),
    ).fetchall()


def usage(connection: sqlite3.Connection, run_id: str) -> sqlite3.Row:
    """``tokens`` and ``usd`` of all turns that the run's prompts began, and ``evaluator_seconds``."""
    row: sqlite3.Row = connection.execute(
        "SELECT sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0) + coalesce(cache_read_tokens, 0) "
        "+ coalesce(cache_write_tokens, 0)) AS tokens, sum(cost_usd) AS usd, (SELECT sum(duration_ms) / 1000.0 FROM evaluations "
        "WHERE for_try_id IN (SELECT id FROM tries WHERE run_id = :run)) AS evaluator_seconds "
        "FROM turns WHERE id IN (SELECT turn_id FROM tries WHERE run_id = :run AND turn_id IS NOT NULL)",
        {"run": run_id},
    ).fetchone()
    return row
