"""How far the sidecar has read what the taps wrote: a small file that it keeps. Imports little: ``procy status`` asks."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping

from procy.capture import tap
from procy.places import Places


def tell_progress(places: Places, read: Mapping[str, int]) -> None:
    """``read``: by session, how many bytes of its stream were read. Raises OSError."""
    beside = f"{places.sidecar_progress}.new"
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(read, file)
    os.replace(beside, places.sidecar_progress)


def behind(places: Places) -> dict[str, int]:
    """By session, how many bytes wait in the spool to be read; sessions of which nobody has read anything are not in it."""
    try:
        with open(places.sidecar_progress, encoding="utf-8") as file:
            read = json.load(file)
    except (OSError, ValueError):
        return {}
    ends = {session: written(places, session) for session in read}
    return {session: max(0, end - int(read[session])) for session, end in ends.items() if end is not None}


def written(places: Places, session_id: str) -> int | None:
    """How many bytes the session's tap has written since it began; None where it has no spool."""
    try:
        with open(os.path.join(places.spool, session_id, "tap.state"), "rb") as file:
            fields = tap.STATE.unpack(file.read(tap.STATE.size))
    except (OSError, struct.error):
        return None
    return int(fields[3])
