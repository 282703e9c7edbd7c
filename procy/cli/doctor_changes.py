"""``procy doctor`` about what turns change: git's snapshots of work trees."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from procy.cli.finding import Finding
from procy.errors import ProcyError
from procy.places import Places
from procy.recording.changes.refs import leftovers
from procy.store import changes
from procy.store.db import open_reader

SHOWN = 3


def check_changes(places: Places) -> Iterator[Finding]:
    if not os.path.exists(places.db):
        return
    try:
        with open_reader(places.db, busy_s=2) as connection:
            kept, git_dirs = changes.kept(connection), changes.git_dirs(connection)
            told = changes.newest_reason(connection)
    except (ProcyError, sqlite3.Error):
        return  # said of the database already
    if told:
        yield Finding("note", f"git has no diff of the newest turn in {told[0]}: {told[1]}", "See docs/changes.md")
    gone = sorted({one.git_dir for one in kept if not Path(one.git_dir).is_dir()})
    if gone:
        yield Finding("note", f"{len(gone)} repositories with snapshots are gone, such as {gone[0]}", "Their diffs stay")
    clean = True
    for git_dir, refs in leftovers(git_dirs, kept):
        clean = False
        names = ", ".join(refs[:SHOWN]) + (" …" if len(refs) > SHOWN else "")
        remedy = f"Unless another procy made them: git --git-dir {git_dir} update-ref -d REF"
        yield Finding("note", f"{len(refs)} snapshots in {git_dir} belong to no turn here: {names}", remedy)
    if kept and clean:
        where = "1 repository" if len(git_dirs) == 1 else f"{len(git_dirs)} repositories"
        yield Finding("ok", f"snapshots of turns: {len(kept)} in {where}")
