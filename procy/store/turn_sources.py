"""Who told of a turn. Of several sources the best one leads: the turn's row is as it tells, under the id that was known first.

A transcript is better than a stream, that than the wire, and that than the screen. Whether two told of the same turn is decided
by ids where both name a conversation, and by time: never by what they say. See docs/sources.md.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from procy import ids
from procy.store import corrections
from procy.store.db import from_iso, iso
from procy.store.numbers import drop_turn
from procy.types import Source, Turn

RANKS: dict[Source, int] = {"transcript": 4, "stream": 3, "wire": 2, "screen": 1}
EARLY_NS = 2_000_000_000  # a better source may date the turn so much later than a lesser one
LATE_NS = 1_000_000_000  # a lesser one may first show it so long after its end


class Told(NamedTuple):
    """A row of ``turn_sources``."""

    id: str
    turn_id: str
    source: Source
    agent_session_id: str | None
    started_at: str
    ended_at: str | None


class Place(NamedTuple):
    """The turn that a source tells of; ``leads``: no better one tells of it. ``session_id``: in which it is."""

    turn_id: str
    leads: bool
    session_id: str


COLUMNS = ", ".join(Told._fields)


def natural_id(session_id: str, turn: Turn) -> str:
    """What the turn's id is when nobody else told of it. A turn of a conversation has the same one in whichever session it is
    seen; one that is read off a screen belongs to its session."""
    return ids.derived_id(turn.started_ns, session_id if turn.source == "screen" else "", turn.key)


def known_id(connection: sqlite3.Connection, session_id: str, turn: Turn) -> str:
    """The id of the turn that this is, as far as it is known."""
    return turn_of(connection, natural_id(session_id, turn))


def turn_of(connection: sqlite3.Connection, source_id: str) -> str:
    """The id of the turn of which a source tells under its own; the same one where nobody knows it."""
    row = connection.execute("SELECT turn_id FROM turn_sources WHERE id = ?", (source_id,)).fetchone()
    return str(row[0]) if row else source_id


def of_turns(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> dict[str, list[sqlite3.Row]]:
    """source, id, agent_session_id, started_at, ended_at, terminal_from, terminal_to of each source of a turn, the best first."""
    found: dict[str, list[sqlite3.Row]] = {turn_id: [] for turn_id in turn_ids}
    marks = ",".join("?" * len(turn_ids))
    rows = connection.execute(
        "SELECT turn_id, source, id, agent_session_id, started_at, ended_at, terminal_from, terminal_to FROM turn_sources "
        f"WHERE told AND turn_id IN ({marks}) ORDER BY started_at",
        tuple(turn_ids),
    ).fetchall()
    for row in sorted(rows, key=lambda row: -RANKS[row[1]]):
        found[row[0]].append(row)
    return found


def names_of(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The kinds of sources of each turn, the best first; ``wire`` where exchanges belong to it."""
    marks = ",".join("?" * len(turn_ids))
    wire = {
        row[0]
        for row in connection.execute(f"SELECT DISTINCT turn_id FROM exchanges WHERE turn_id IN ({marks})", tuple(turn_ids))
    }
    told = of_turns(connection, turn_ids)
    names = {key: {row[1] for row in rows} | ({"wire"} if key in wire else set()) for key, rows in told.items()}
    return {key: tuple(name for name in RANKS if name in found) for key, found in names.items()}


def links_of(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Everything that tells of a turn, the best first: its sources, then its exchanges, and the hook events of its time."""
    found: dict[str, list[dict[str, Any]]] = {turn_id: [] for turn_id in turn_ids}
    for turn_id, told in of_turns(connection, turn_ids).items():
        names = ("source", "id", "agent_session_id", "started_at", "ended_at", "terminal_from", "terminal_to")
        found[turn_id] += [dict(zip(names, row[1:], strict=True)) for row in told]
        calls = connection.execute("SELECT id FROM exchanges WHERE turn_id = ? ORDER BY id", (turn_id,)).fetchall()
        found[turn_id] += [{"source": "exchanges", "ids": [row[0] for row in calls]}] if calls else []
        hooks = [row[0] for row in connection.execute(HOOKS, (turn_id,))]
        found[turn_id] += [{"source": "hooks", "ids": hooks}] if hooks else []
    return found


HOOKS = """
SELECT hook_events.id FROM turns JOIN hook_events ON hook_events.session_id = turns.session_id
    AND at_ns >= (julianday(started_at) - 2440587.5) * 86400e9
    AND at_ns < (julianday(coalesce(ended_at, started_at)) - 2440587.5) * 86400e9 + 2e9
WHERE turns.id = ? ORDER BY at_ns
"""  # an agent tells the end of a turn a moment after it


def place(connection: sqlite3.Connection, session_id: str, turn: Turn) -> Place:
    """Take note of what a source tells, and say whose turn it is. What it changes for lesser sources is done too."""
    natural = natural_id(session_id, turn)
    known = connection.execute("SELECT turn_id, session_id, told FROM turn_sources WHERE id = ?", (natural,)).fetchone()
    if known and known[1] != session_id and known[2]:
        return Place(known[0], True, known[1])
    note(connection, session_id, natural, known[0] if known else natural, turn)
    if not is_mixed(connection, session_id, turn.source):
        return Place(known[0] if known else natural, True, session_id)
    told = one(connection, natural)
    better = owner(connection, session_id, told)
    if better:
        follow(connection, told, better.turn_id)
        mine = better.turn_id
    else:
        mine = (not known and adopted(connection, session_id, told)) or own_turn(connection, told)
        connection.execute("UPDATE turn_sources SET turn_id = ? WHERE id = ?", (mine, natural))
    rearrange(connection, session_id, told._replace(turn_id=mine))
    return Place(mine, not better, session_id)


def rearrange(connection: sqlite3.Connection, session_id: str, told: Told) -> None:
    """Lesser sources may be of another turn now that this one is known."""
    for lesser in lessers(connection, session_id, told):
        if leader := owner(connection, session_id, lesser):
            follow(connection, lesser, leader.turn_id)
            if lesser.turn_id != leader.turn_id:
                rearrange(connection, session_id, lesser)
        elif lesser.turn_id == told.turn_id:
            connection.execute("UPDATE turn_sources SET turn_id = ? WHERE id = ?", (own_turn(connection, lesser), lesser.id))


def note(connection: sqlite3.Connection, session_id: str, natural: str, turn_id: str, turn: Turn) -> None:
    ended = None if turn.ended_ns is None else iso(turn.ended_ns)
    connection.execute(
        "INSERT INTO turn_sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (id) DO UPDATE SET "
        "session_id = excluded.session_id, agent_session_id = excluded.agent_session_id, started_at = excluded.started_at, "
        "ended_at = excluded.ended_at, terminal_from = excluded.terminal_from, terminal_to = excluded.terminal_to, told = 1",
        (natural, turn_id, session_id, turn.source, turn.agent_session_id, iso(turn.started_ns), ended,
         turn.terminal_from, turn.terminal_to),
    )  # fmt: skip


def is_mixed(connection: sqlite3.Connection, session_id: str, source: Source) -> bool:
    """Whether another kind of source tells of turns of this session, or did: then there is something to put together."""
    others = tuple(name for name in RANKS if name != source)
    query = f"SELECT 1 FROM turn_sources WHERE session_id = ? AND source IN ({','.join('?' * len(others))}) LIMIT 1"
    return connection.execute(query, (session_id, *others)).fetchone() is not None


def one(connection: sqlite3.Connection, source_id: str) -> Told:
    return Told(*connection.execute(f"SELECT {COLUMNS} FROM turn_sources WHERE id = ?", (source_id,)).fetchone())


def owner(connection: sqlite3.Connection, session_id: str, told: Told) -> Told | None:
    """The best source of the turn that this one tells of; None when that is this one."""
    found, better = None, nearest(connection, session_id, told)
    while better:
        found, better = better, nearest(connection, session_id, better)
    return found


def nearest(connection: sqlite3.Connection, session_id: str, told: Told) -> Told | None:
    """The nearest in time of the better sources, where one is near enough.

    One that began before and has not ended is at no distance. Of several the one that began last counts, of those that began
    together the best.
    """
    begin = from_iso(told.started_at)
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM turn_sources WHERE session_id = ? AND told AND source IN ({better_than(told.source)}) "
        "AND started_at <= ? AND (ended_at IS NULL OR ended_at >= ?)",
        (session_id, iso(begin + EARLY_NS), iso(begin - LATE_NS)),
    ).fetchall()
    near = [row for row in (Told(*row) for row in rows) if same_conversation(told, row)]
    return min(near, key=lambda row: (distance(row, begin), -from_iso(row.started_at), -RANKS[row.source], row.id), default=None)


def better_than(source: Source) -> str:
    return ", ".join(f"'{name}'" for name, rank in RANKS.items() if rank > RANKS[source])


def same_conversation(left: Told, right: Told) -> bool:
    """False where both name one, and not the same."""
    return not (left.agent_session_id and right.agent_session_id) or left.agent_session_id == right.agent_session_id


def distance(leader: Told, begin: int) -> int:
    """Between the beginning of the lesser and the time of the better one."""
    start = from_iso(leader.started_at)
    end = from_iso(leader.ended_at) if leader.ended_at else begin
    return max(start - begin, begin - end, 0)


def lessers(connection: sqlite3.Connection, session_id: str, told: Told, still: bool = True) -> list[Told]:
    """Those that may be of the turn of this one, or were. ``still`` False: of those that are told of no more."""
    end = iso(from_iso(told.ended_at) + LATE_NS) if told.ended_at else "9"
    worse = ", ".join(f"'{name}'" for name, rank in RANKS.items() if rank < RANKS[told.source])
    if not worse:
        return []
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM turn_sources WHERE session_id = ? AND told = {int(still)} AND source IN ({worse}) "
        "AND (turn_id = ? OR started_at BETWEEN ? AND ?) ORDER BY started_at, id",
        (session_id, told.turn_id, iso(from_iso(told.started_at) - EARLY_NS), end),
    ).fetchall()
    return sorted((Told(*row) for row in rows), key=lambda row: -RANKS[row.source])


def adopted(connection: sqlite3.Connection, session_id: str, told: Told) -> str:
    """The id of the turn that a lesser source made known already, even if it tells of it no more; "" when there is none."""
    for still in (True, False):
        for lesser in lessers(connection, session_id, told, still):
            leader = owner(connection, session_id, lesser)
            led = leads(connection, lesser) if still else own_turn(connection, lesser) == lesser.turn_id
            if led and leader and leader.id == told.id:
                return lesser.turn_id
    return ""


def leads(connection: sqlite3.Connection, told: Told) -> bool:
    """Whether the turn is there, and nobody better tells of it."""
    better = connection.execute(
        f"SELECT 1 FROM turn_sources WHERE turn_id = ? AND told AND source IN ({better_than(told.source) or 'NULL'})",
        (told.turn_id,),
    ).fetchone()
    return not better and connection.execute("SELECT 1 FROM turns WHERE id = ?", (told.turn_id,)).fetchone() is not None


def own_turn(connection: sqlite3.Connection, told: Told) -> str:
    """The id of a turn that it leads: the one it has, unless that is a better one's turn."""
    for candidate in (told.turn_id, told.id):
        others = "SELECT 1 FROM turn_sources WHERE turn_id = ? AND id <> ? AND told"
        if connection.execute(f"{others} AND source IN ({better_than(told.source) or 'NULL'})", (candidate, told.id)).fetchone():
            continue
        return candidate
    return ids.derived_id(from_iso(told.started_at), told.id, "apart")


def follow(connection: sqlite3.Connection, told: Told, turn_id: str) -> None:
    """Let a source tell of that turn; the one that it led is no more, and what points to it points there."""
    if told.turn_id != turn_id and leads(connection, told):
        redirect(connection, told.turn_id, turn_id)
        drop_turn(connection, told.turn_id)
        connection.execute("UPDATE turn_sources SET turn_id = ? WHERE turn_id = ?", (turn_id, told.turn_id))
    connection.execute("UPDATE turn_sources SET turn_id = ? WHERE id = ?", (turn_id, told.id))
    fill_place(connection, told.turn_id)
    fill_place(connection, turn_id)


POINTERS = ("injections", "corrections", "tries", "evaluations", "exchanges")


def redirect(connection: sqlite3.Connection, old: str, new: str) -> None:
    """Whatever somebody made of the one turn belongs to the other."""
    for table in POINTERS:
        connection.execute(f"UPDATE {table} SET turn_id = ? WHERE turn_id = ?", (new, old))
    for table in ("turn_snapshots", "git_files"):
        connection.execute(f"UPDATE OR REPLACE {table} SET turn_id = ? WHERE turn_id = ?", (new, old))
    for table in ("tags", "marks"):
        connection.execute(f"UPDATE OR REPLACE {table} SET target_id = ? WHERE what = 'turn' AND target_id = ?", (new, old))
    connection.execute(
        "UPDATE exports SET turn_ids = replace(turn_ids, ?, ?) WHERE turn_ids IS NOT NULL", (json.dumps(old), json.dumps(new))
    )
    corrections.relink(connection, new, None)


def untell(connection: sqlite3.Connection, session_id: str, sources: Sequence[str]) -> None:
    """What these sources told is to be told again. The ids by which turns were known first are remembered."""
    marks = ",".join("?" * len(sources))
    connection.execute(f"UPDATE turn_sources SET told = 0 WHERE session_id = ? AND source IN ({marks})", (session_id, *sources))


def fill_place(connection: sqlite3.Connection, turn_id: str) -> None:
    """The place in the terminal by the screen, where the leading source tells none."""
    connection.execute(
        "UPDATE turns SET (terminal_from, terminal_to) = (SELECT min(terminal_from), max(terminal_to) FROM turn_sources "
        "WHERE turn_id = :turn AND told AND source = 'screen') WHERE id = :turn AND source <> 'screen' AND NOT EXISTS "
        "(SELECT 1 FROM turn_sources WHERE turn_id = :turn AND told AND source = turns.source AND terminal_from IS NOT NULL)",
        {"turn": turn_id},
    )


def fill(connection: sqlite3.Connection, turn_id: str) -> None:
    """What the leading source does not tell, by the others: the place in the terminal by the screen, tokens by the wire."""
    fill_place(connection, turn_id)
    connection.execute(
        "UPDATE exchanges SET outcome = outcome WHERE id = (SELECT max(id) FROM exchanges WHERE turn_id = :turn "
        "AND coalesce(input_tokens, output_tokens) IS NOT NULL) "
        "AND EXISTS (SELECT 1 FROM turns WHERE id = :turn AND usage_from IS NULL)",
        {"turn": turn_id},
    )  # the trigger sums them up
