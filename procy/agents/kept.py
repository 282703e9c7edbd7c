"""Files that agents have kept: found in a folder, or given one by one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEADS: dict[str, dict[str, Any]] = {}  # first lines that were read: they do not change, and whoever follows asks often


def kept_files(place: Path, is_wanted: Callable[[Path], bool]) -> list[Path]:
    """The file itself, whatever its name, or those in and below a folder that are wanted; the one written longest ago first."""
    if place.is_file():
        return [place]
    found = [Path(folder, name) for folder, _, names in os.walk(place) for name in names]
    dated = [(written_ns(path), path) for path in found if is_wanted(path)]
    return [path for _, path in sorted(dated)]


def written_ns(path: Path) -> int:
    """When the file was written last; 0 where nobody says."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def first_record(path: str) -> dict[str, Any]:
    """The JSON object of the file's first line; empty while there is none."""
    if path not in HEADS:
        try:
            with open(path, "rb") as file:
                record = json.loads(file.readline())
        except (OSError, ValueError):
            return {}
        if not isinstance(record, dict):
            return {}
        HEADS[path] = {key: value for key, value in record.items() if key != "message"}  # what was said may be long
    return HEADS[path]
