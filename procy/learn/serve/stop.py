"""Ending what is served, and whether it still lives."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from procy.errors import HostError
from procy.learn.serve import there
from procy.learn.serve.place import place_named
from procy.places import Places
from procy.settings import Settings
from procy.store import servings
from procy.store.db import open_reader
from procy.store.servings import Row
from procy.store.write import written


def stop(places: Places, settings: Settings) -> list[Row]:
    """End what is served and what is starting; the rows of both. Raises HostError where a host does not answer."""
    with open_reader(places.db) as connection:
        current = servings.current(connection)
        rows = [*servings.starting(connection), *([current] if current else [])]
    for row in rows:
        end_server(settings, row["server"], row["place"])
        with written(places.db) as connection:
            servings.end(connection, row["id"], time.time_ns(), "stopped", "as it was asked to")
    return rows


def end_server(settings: Settings, server: Mapping[str, Any], place: str) -> None:
    """The engine first, through the connection that is there; then the tunnel, which is here."""
    try:
        place_named(place, settings).do("stop", pid=server["pid"], start=server["start"])
    finally:
        if server.get("tunnel"):
            there.stop(server["tunnel"]["pid"], server["tunnel"]["start"], 5.0)


def is_here(row: Row) -> bool:
    """Whether what this machine runs for it lives: the engine, or the tunnel to it."""
    server = row["server"]
    local = server if row["place"] == "local" else server.get("tunnel")
    return not local or bool(there.alive(local["pid"], local["start"])["alive"])


def is_alive(settings: Settings, row: Row) -> bool | None:
    """Whether the engine itself lives; None where its host does not answer."""
    try:
        return bool(
            place_named(row["place"], settings).do("alive", pid=row["server"]["pid"], start=row["server"]["start"])["alive"]
        )
    except HostError:
        return None


def forget_dead(places: Places) -> Row | None:
    """What is registered, once that which is gone is not registered any more."""
    if not os.path.exists(places.db):
        return None
    with open_reader(places.db) as connection:
        row = servings.current(connection)
    if row is None or is_here(row):
        return row
    with written(places.db) as connection:
        servings.end(connection, row["id"], time.time_ns(), "failed", "its process is gone")
    return None
