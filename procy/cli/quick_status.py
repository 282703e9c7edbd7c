"""``procy status`` for scripts: one read-only look with nothing imported that it does not need."""

import sqlite3
import sys
from datetime import datetime

from procy.capture.locks import is_locked
from procy.capture.progress import behind
from procy.errors import ProcyError
from procy.places import Places, find_places
from procy.store.today import Today, read_today

RECORDED = """
SELECT sessions.id, agent, pane_id, status, state, state_reason, state_at, context_left, cwd, name,
       (SELECT count(*) FROM turns WHERE session_id = sessions.id) AS turns
FROM sessions WHERE status IN ('recording', 'paused') AND pane_id IS NOT NULL ORDER BY started_at
"""
RUNS = """
SELECT id, goal, budget ->> 'tries' AS tries, options ->> 'lanes' AS lanes,
       (SELECT count(*) FROM tries WHERE run_id = runs.id AND seq > 0 AND step = 'done' AND status IS NOT 'vetoed') AS done,
       (SELECT min(seq) FROM tries WHERE run_id = runs.id AND step = 'ask' AND verdict IS NULL) AS asks
FROM runs WHERE status = 'running' ORDER BY started_at
"""

Rows = list[dict[str, object]]


def print_status(form: str, db: str | None = None) -> int:
    """``--json`` for programs, ``--line`` for a status line, else for people. Returns the exit status."""
    places = find_places(db)
    try:
        sessions, evolving, today = read_status(places.db)
        waiting = behind(places) if sessions else {}
        sessions = [{**one, "behind_bytes": waiting.get(str(one["id"]))} for one in sessions]
        if sessions and not is_locked(places.sidecar_lock):
            begin_again(places)
    except ProcyError as error:
        print(f"procy: {error}", file=sys.stderr)
        return 1
    if form == "--json":
        import json

        print(json.dumps({"sessions": sessions, "runs": evolving, "today": today._asdict()}, ensure_ascii=False, indent=2))
    elif form == "--line":
        print(line(sessions))
    else:
        print_for_people(sessions, evolving, today)
    return 0


def begin_again(places: Places) -> None:
    """What is said to be recorded has no sidecar: after a crash or a reboot. It finds out what is still there."""
    from procy.recording.start import start_sidecar

    start_sidecar(places)
    print("procy: the sidecar did not run and is started; look again in a moment", file=sys.stderr)


def read_status(path: str) -> tuple[Rows, Rows, Today]:
    """What is recorded now, which runs are at work, and what this day has used; nothing where there is no database yet."""
    try:
        connection = sqlite3.connect(f"file:{path.replace('?', '%3f').replace('#', '%23')}?mode=ro", uri=True, timeout=5)
        connection.row_factory = sqlite3.Row
        sessions = [dict(row) for row in connection.execute(RECORDED)]
        evolving = [dict(row) for row in connection.execute(RUNS)]
        return sessions, evolving, read_today(connection, datetime.now().astimezone())
    except sqlite3.DatabaseError as error:
        if "unable to open" in str(error) or "no such table: sessions" in str(error):
            return [], [], Today()
        from procy.store.db import explain, open_writer

        if "no such" in str(error):  # of an earlier version
            open_writer(path).close()
            return read_status(path)
        raise explain(path, error) from error


def line(sessions: Rows) -> str:
    """``2 busy 1 waiting``: states of what is recorded, in a few characters."""
    states = [str(one["state"] or "idle") if one["status"] == "recording" else "paused" for one in sessions]
    shown = ("waiting", "busy", "error", "idle", "paused")
    return " ".join(f"{states.count(state)} {state}" for state in shown if state in states)


def print_for_people(sessions: Rows, evolving: Rows, today: Today) -> None:
    if not sessions:
        print("Nothing is recorded now. Start with: procy record")
    for one in sessions:
        state = "paused" if one["status"] == "paused" else str(one["state"] or "starting")
        reason = f" ({visible(one['state_reason'])})" if one["state_reason"] else ""
        name = f" {visible(one['name'])}" if one["name"] else ""
        handle = str(one["id"])[-6:]
        where = visible(one["cwd"])
        waits = int(str(one["behind_bytes"] or 0)) >> 20
        late = f"  {waits} MB behind" if waits else ""
        left = "" if one["context_left"] is None else f"  {one['context_left']}% context left"
        print(
            f"{one['pane_id']:>5}  {handle}  {one['agent']:<12} {state}{reason}  {one['turns']} turns{left}{late}  {where}{name}"
        )
    for one in evolving:
        goal = visible(one["goal"])[:60]
        asks = "" if one["asks"] is None else f", try {one['asks']} waits for your word (procy evolve decide)"
        print(f"evolve {str(one['id'])[-6:]}  {one['done']} of {one['tries']} tries, {one['lanes']} at once{asks}  {goal}")
    cost = f", ${today.cost_usd:.2f}" if today.cost_usd is not None else ""
    print(f"Today: {today.turns} turns, {today.input_tokens:,} tokens in, {today.output_tokens:,} out{cost}")


def visible(value: object) -> str:
    """One line without characters that act on a terminal."""
    return "".join(character for character in str(value or "") if character.isprintable())
