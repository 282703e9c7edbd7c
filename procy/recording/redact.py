"""Today's redaction rules applied to what was stored before: derived rows, raw rows, screens, indexes and API bodies."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from procy.parse.redact import mask_json, star, starred_picture
from procy.parse.rules import check
from procy.recording.replay import stored_events
from procy.recording.terminal import picture_after
from procy.store import changes, compact, write
from procy.store.blobs import pack, pack_block, unpack, unpack_block
from procy.store.changes import Kept
from procy.store.db import iso
from procy.store.parts import unpack_ids
from procy.store.redactable import ELSEWHERE, SESSION, Texts
from procy.types import Picture, Read

Counts = Counter[str]  # rows that changed, by table


class Undone(Exception):
    """A dry run ends so."""


def redact(
    connection: sqlite3.Connection, session_ids: Sequence[str], since: str | None, dry_run: bool, done: Callable[[], None]
) -> tuple[Counts, list[Kept]]:
    """One transaction a session; ``since``: also what belongs to none, and began since then. A dry run is one, undone.

    ``done`` is called after each. Returns how many rows changed, and refs of snapshots that are to be dropped: a secret was in
    the diff. Raises ConfigError while a rule is broken.
    """
    check()
    counts: Counts = Counter()
    refs: list[Kept] = []
    works: list[Callable[[], tuple[Counts, list[Kept]]]] = [partial(session_counts, connection, one) for one in session_ids]
    works += [] if since is None else [partial(counts_elsewhere, connection, since)]
    try:
        for batch in [works] if dry_run else [[work] for work in works]:
            with write.transaction(connection):
                connection.execute("INSERT INTO redacting VALUES (?)", (iso(0),))
                for work in batch:
                    found, kept = work()
                    counts, refs = counts + found, refs + kept
                    done()
                if dry_run:
                    raise Undone
                connection.execute("DELETE FROM redacting")
        if counts:
            with write.transaction(connection):
                compact.merge_indexes(connection)
    except Undone:
        pass
    return counts, refs


def counts_elsewhere(connection: sqlite3.Connection, since: str) -> tuple[Counts, list[Kept]]:
    counts: Counts = Counter()
    for texts in ELSEWHERE:
        counts[texts.table] += len(rewrite(connection, texts, {"since": since}))
    rows = connection.execute("SELECT id FROM exchanges WHERE session_id IS NULL AND started_at >= ?", (since,)).fetchall()
    counts["exchange_parts"] += bodies(connection, [row[0] for row in rows])
    return counts, []


def session_counts(connection: sqlite3.Connection, session_id: str) -> tuple[Counts, list[Kept]]:
    counts: Counts = Counter()
    values = {"id": session_id}
    turns: set[str] = set()  # whose index entry is made again
    shown: set[str] = set()  # whose diff had a secret
    counts["terminal_blocks"] = blocks(connection, session_id)
    counts["keyframes"] = keyframes(connection, session_id)
    counts["terminal_texts"] = texts_of_terminal(connection, session_id)
    counts["pane_events"] = pictures(connection, session_id)
    for texts in SESSION:
        changed = rewrite(connection, texts, values)
        counts[texts.table] += len(changed)
        if texts.table == "turns":
            turns |= {key[0] for key in changed}
        elif texts.table == "tool_calls":
            turns |= {turn_of(connection, key[0]) for key in changed}
        elif texts.table == "git_files":
            shown |= {key[0] for key in changed}
    for turn_id in turns:
        index_again(connection, turn_id)
    counts["transcript_files"] = transcript_files(connection, session_id)
    rows = connection.execute("SELECT id FROM exchanges WHERE session_id = ?", (session_id,)).fetchall()
    counts["exchange_parts"] = bodies(connection, [row[0] for row in rows])
    kept = changes.kept(connection, sorted(shown)) if shown else []
    connection.executemany("UPDATE turn_snapshots SET ref = NULL WHERE ref = ?", [(one.ref,) for one in kept])
    return counts, kept


def rewrite(connection: sqlite3.Connection, texts: Texts, values: dict[str, str]) -> list[tuple[str, ...]]:
    """Mask the columns of a table; returns the keys of the rows that changed."""
    keys, columns = len(texts.keys), ", ".join((*texts.keys, *texts.columns))
    changed = []
    for row in connection.execute(f"SELECT {columns} FROM {texts.table} WHERE {texts.where}", values).fetchall():
        before, after = tuple(row[keys:]), tuple(map(masked, row[keys:]))
        if after != before:
            changed.append(tuple(row[:keys]))
            put(connection, texts, tuple(row[:keys]), after)
    return changed


def put(connection: sqlite3.Connection, texts: Texts, key: tuple[str, ...], after: tuple[object, ...]) -> None:
    mine = " AND ".join(f"{name} = ?" for name in texts.keys)
    if not texts.is_raw:
        sets = ", ".join(f"{name} = ?" for name in texts.columns)
        connection.execute(f"UPDATE OR REPLACE {texts.table} SET {sets} WHERE {mine}", (*after, *key))
        return
    cursor = connection.execute(f"SELECT * FROM {texts.table} WHERE {mine}", key)
    names = [column[0] for column in cursor.description]
    row = dict(zip(names, cursor.fetchone(), strict=True)) | dict(zip(texts.columns, after, strict=True))
    marks = ", ".join("?" * len(names))
    connection.execute(f"INSERT OR REPLACE INTO {texts.table} ({', '.join(names)}) VALUES ({marks})", tuple(row.values()))


def masked(value: object) -> object:
    if isinstance(value, bytes):  # a line that is no UTF-8
        return mask_json(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    return mask_json(value) if isinstance(value, str) else value


def turn_of(connection: sqlite3.Connection, call_id: str) -> str:
    return str(connection.execute("SELECT turn_id FROM tool_calls WHERE id = ?", (call_id,)).fetchone()[0])


def index_again(connection: sqlite3.Connection, turn_id: str) -> None:
    n, prompt, response = connection.execute("SELECT n, prompt, response FROM turns WHERE id = ?", (turn_id,)).fetchone()
    inputs = connection.execute("SELECT input FROM tool_calls WHERE turn_id = ? ORDER BY seq", (turn_id,)).fetchall()
    write.index_turn(connection, n, prompt, response, [row[0] or "" for row in inputs])


# -- terminal -----------------------------------------------------------------------------------------------------------


def blocks(connection: sqlite3.Connection, session_id: str) -> int:
    """Star the secrets in the terminal's bytes; from the first block that changes on, screens are drawn again."""
    sql = "SELECT columns, rows, screen, start, started_ns, bytes, reads FROM terminal_blocks WHERE session_id = ? ORDER BY start"
    rows = connection.execute(sql, (session_id,)).fetchall()
    starred = star(read.data.decode("latin-1") for row in rows for read in unpack_block(*row[3:]))
    taken = {event.offset: event.picture for event in stored_events(connection, session_id) if event.picture}
    changed, before = 0, None
    for columns, height, screen, *block in rows:
        old = list(unpack_block(*block))
        reads: list[Read] = [read._replace(data=next(starred).encode("latin-1")) for read in old]
        stored = Picture(columns, height, unpack(screen))
        picture = starred_picture(taken.get(block[0]) or before or stored)
        if reads == old and before is None and starred_picture(stored) == stored:
            continue
        packed = pack_block(reads, picture)
        before = picture_after(picture, reads)
        if reads == old and packed.screen == screen:
            continue
        changed += reads != old or starred_picture(stored) != stored
        connection.execute("DELETE FROM terminal_blocks WHERE session_id = ? AND start = ?", (session_id, block[0]))
        write.add_block(connection, session_id, packed)
    return changed


def keyframes(connection: sqlite3.Connection, session_id: str) -> int:
    sql = "SELECT offset, columns, rows, screen FROM keyframes WHERE session_id = ?"
    changed = 0
    for offset, columns, rows, screen in connection.execute(sql, (session_id,)).fetchall():
        picture = Picture(columns, rows, unpack(screen))
        if (starred := starred_picture(picture)) != picture:
            connection.execute(
                "UPDATE keyframes SET screen = ? WHERE session_id = ? AND offset = ?", (pack(starred.escapes), session_id, offset)
            )
            changed += 1
    return changed


def pictures(connection: sqlite3.Connection, session_id: str) -> int:
    sql = "SELECT id, screen FROM pane_events WHERE session_id = ? AND screen IS NOT NULL"
    changed = 0
    for key, screen in connection.execute(sql, (session_id,)).fetchall():
        picture = Picture(1, 1, unpack(screen))
        if (starred := starred_picture(picture)) != picture:
            one = Texts("pane_events", ("id",), ("screen",), "", True)
            put(connection, one, (key,), (pack(starred.escapes),))
            changed += 1
    return changed


def texts_of_terminal(connection: sqlite3.Connection, session_id: str) -> int:
    """Replaced row by row: the index follows insertions and deletions."""
    changed = 0
    for key, offset, text in connection.execute(
        "SELECT id, offset, text FROM terminal_texts WHERE session_id = ?", (session_id,)
    ).fetchall():
        if (after := masked(text)) != text:
            connection.execute("DELETE FROM terminal_texts WHERE id = ?", (key,))
            connection.execute("INSERT INTO terminal_texts VALUES (?, ?, ?, ?)", (key, session_id, offset, after))
            changed += 1
    return changed


# -- packed -------------------------------------------------------------------------------------------------------------


def transcript_files(connection: sqlite3.Connection, session_id: str) -> int:
    changed = 0
    for key, path, content in connection.execute(
        "SELECT transcript_id, path, content FROM transcript_files WHERE transcript_id IN "
        "(SELECT transcript_id FROM transcript_sessions WHERE session_id = ?)",
        (session_id,),
    ).fetchall():
        before = unpack(content)
        if (after := masked(before)) != before:
            connection.execute("INSERT OR REPLACE INTO transcript_files VALUES (?, ?, ?)", (key, path, pack(bytes(after))))  # type: ignore[call-overload]
            changed += 1
    return changed


def bodies(connection: sqlite3.Connection, exchange_ids: list[str]) -> int:
    """Mask the pieces that these calls' bodies are made of; whoever knows pieces by heart looks again afterwards."""
    changed = 0
    for number in sorted(set(pieces(connection, exchange_ids))):
        row = connection.execute("SELECT data FROM exchange_parts WHERE id = ?", (number,)).fetchone()
        before = unpack(row[0]) if row else b""
        after = masked(before)
        if isinstance(after, bytes) and after != before:
            name = hashlib.sha256(b"redacted" + str(number).encode() + after).digest()[:16]  # no piece to come has it
            connection.execute("UPDATE exchange_parts SET sha = ?, data = ? WHERE id = ?", (name, pack(after), number))
            changed += 1
    if changed:
        connection.execute("INSERT INTO exchange_sweeps DEFAULT VALUES")
    return changed


def pieces(connection: sqlite3.Connection, exchange_ids: list[str]) -> Iterator[int]:
    for key in exchange_ids:
        for (parts,) in connection.execute("SELECT parts FROM exchange_bodies WHERE exchange_id = ?", (key,)):
            yield from unpack_ids(parts)
