"""Sessions that were cut off when their tmux server or the machine went down, and what became of them since."""

import sqlite3
from collections.abc import Collection
from typing import NamedTuple

SERVER_GONE = "the tmux server is gone"  # the cause in the last ``end`` event of such a session

CUT_OFF = """
SELECT sessions.*, place.tmux_session, place.window, place.pane, place.cwd AS place_cwd, last.at_ns AS cut_ns,
       (SELECT prompt FROM turns WHERE session_id = sessions.id AND kind = 'prompt' ORDER BY seq DESC LIMIT 1) AS last_prompt
FROM sessions JOIN session_places AS place ON place.session_id = sessions.id
JOIN pane_events AS last ON last.id =
    (SELECT id FROM pane_events WHERE session_id = sessions.id AND kind = 'end' ORDER BY at_ns DESC LIMIT 1)
WHERE last.detail ->> 'cause' = :cause
"""
LAST_WRITER = """
SELECT transcript_sessions.session_id, from_ns FROM transcript_sessions JOIN transcripts ON transcripts.id = transcript_id
WHERE agent = sessions.agent AND agent_session_id = sessions.agent_session_id ORDER BY from_ns DESC LIMIT 1
"""
LAST_PROGRAM = """
SELECT detail ->> 'agent' FROM pane_events
WHERE session_id = sessions.id AND kind = 'foreground' AND at_ns < last.at_ns ORDER BY at_ns DESC LIMIT 1
"""
RESUMABLE = f"""
{CUT_OFF} AND (status IN ('ended', 'lost') OR (status = 'recording' AND command IS NULL))
AND (SELECT session_id = sessions.id AND from_ns < last.at_ns FROM ({LAST_WRITER}))
AND ({LAST_PROGRAM}) = agent
AND coalesce(declined_ns, 0) < last.at_ns AND last_prompt IS NOT NULL ORDER BY last.at_ns DESC, started_at DESC
"""


class Place(NamedTuple):
    """Where a pane is: tmux session, window and pane index, and the directory its program works in."""

    tmux_session: str
    window: int
    pane: int
    cwd: str


def put_place(connection: sqlite3.Connection, session_id: str, place: Place) -> None:
    connection.execute(
        "INSERT INTO session_places (session_id, tmux_session, window, pane, cwd) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
        "SET tmux_session = excluded.tmux_session, window = excluded.window, pane = excluded.pane, cwd = excluded.cwd",
        (session_id, *place),
    )


def decline(connection: sqlite3.Connection, session_ids: Collection[str], now_ns: int) -> None:
    """Do not offer these again, until they are cut off another time."""
    connection.executemany(
        "UPDATE session_places SET declined_ns = ? WHERE session_id = ?", [(now_ns, session_id) for session_id in session_ids]
    )


def place_of(row: sqlite3.Row) -> Place:
    return Place(row["tmux_session"], row["window"], row["pane"], row["place_cwd"])


def cut_off(connection: sqlite3.Connection, socket: str) -> list[sqlite3.Row]:
    """What was recorded in panes of that socket's server when it went away and is not recorded now, newest first.

    Each as in ``sessions``, with tmux_session, window, pane, place_cwd, cut_ns and last_prompt.
    """
    query = f"{CUT_OFF} AND status IN ('ended', 'lost') AND tmux_socket = :socket ORDER BY last.at_ns DESC, started_at DESC"
    return connection.execute(query, {"cause": SERVER_GONE, "socket": socket}).fetchall()


def resumable(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """Conversations that were cut off and that nobody has gone on with or declined; rows as in ``cut_off``."""
    return connection.execute(RESUMABLE, {"cause": SERVER_GONE}).fetchall()


def first_prompt(connection: sqlite3.Connection, session_id: str) -> str:
    """What the session's first turn was asked; "" where it has none."""
    row = connection.execute("SELECT prompt FROM turns WHERE session_id = ? ORDER BY seq LIMIT 1", (session_id,)).fetchone()
    return str(row[0]) if row else ""
