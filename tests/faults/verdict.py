"""What is left after a trial: every byte and every row, or a mark where one is missing."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import Lab
from tests.faults.scene import Scene

TABLES = {
    "turns": "SELECT * FROM turns ORDER BY id",
    "calls": "SELECT * FROM tool_calls ORDER BY id",
    "keyframes": "SELECT session_id, offset, columns, rows FROM keyframes ORDER BY session_id, offset",
    "activity": "SELECT * FROM activity ORDER BY at",
}
TEXTS = "SELECT text FROM terminal_texts ORDER BY session_id, offset"
MOST_LINES = 0.02  # of the text that stood on the terminal: of a long burst it has beginning and end, as it looks between rests
ASKED = re.compile(rb"\x1b\]133;B\x07(ask \d+)\r\n")


@dataclass
class Verdict:
    """``wrong``: what must not be, in words. Bytes and rows lost are those that are told, too."""

    faults: Counter[str] = field(default_factory=Counter)
    bytes_seen: int = 0
    bytes_lost: int = 0
    rows_seen: int = 0
    rows_lost: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        self.faults += other.faults
        self.wrong += other.wrong
        for name in ("bytes_seen", "bytes_lost", "rows_seen", "rows_lost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def judge(scene: Scene, may_lose: bool, cut_short: bool) -> Verdict:
    """``may_lose``: holes are allowed where they are told; ``cut_short``: so is an end that tmux took along."""
    verdict = Verdict()
    copy, recorded = scene.copy, scene.lab.recorded(scene.spool.session_id)
    holes = find_holes(copy, recorded, places_of(scene.gaps()))
    verdict.bytes_seen, verdict.bytes_lost = len(copy), len(copy) - len(recorded)
    if holes is None:
        verdict.wrong.append(f"what was recorded is not what was printed: {where_it_parts(copy, recorded)}")
        holes = []
    unexpected = [hole for hole in holes if not (cut_short and hole[1] == len(copy))]
    if unexpected and not may_lose:
        verdict.wrong.append(f"bytes are missing: {unexpected}, told {scene.gaps()}")
    check_rows(scene, copy, holes, verdict)
    check_rebuild(scene, verdict)
    if problems := problems_of(scene.lab):
        verdict.wrong.append(f"doctor finds {problems}")
    return verdict


def problems_of(lab: Lab) -> list[dict[str, Any]]:
    """What doctor finds wrong."""
    found = json.loads(lab.procy("doctor", "--json", check=False).stdout)
    return [one for one in found if one["level"] == "problem"]


def places_of(gaps: list[tuple[int, dict[str, Any]]]) -> list[int]:
    """Where in the recorded bytes the gaps lie. What a damaged spool has lost counts in the stream."""
    places, damaged = [], 0
    for offset, detail in gaps:
        damaged += detail["bytes"] if detail["cause"] == "the spool was damaged" else 0
        places.append(offset - damaged)
    return places


def find_holes(copy: bytes, recorded: bytes, gaps: list[int]) -> list[tuple[int, int]] | None:
    """Where bytes of the copy are missing, as (start, end) in it; None where that is not at a gap, or others are there."""
    edges = sorted({offset for offset in gaps if 0 < offset < len(recorded)} | {0, len(recorded)})
    holes, at = [], 0
    for start, end in itertools.pairwise(edges):
        part = recorded[start:end]
        found = at if copy.startswith(part, at) else copy.find(part, at) if start in gaps else -1
        if found < 0:
            return None
        if found > at:
            holes.append((at, found))
        at = found + len(part)
    if at < len(copy):
        holes.append((at, len(copy)))
    return holes


def where_it_parts(copy: bytes, recorded: bytes) -> str:
    place = next((place for place, pair in enumerate(zip(copy, recorded, strict=False)) if pair[0] != pair[1]), -1)
    return f"{len(copy)} and {len(recorded)} bytes, from {place}: {copy[place : place + 60]!r}, {recorded[place : place + 60]!r}"


def check_rows(scene: Scene, copy: bytes, holes: list[tuple[int, int]], verdict: Verdict) -> None:
    """Each turn once; one that is missing, or told with less, lies at a hole."""
    begun = [(match[1].decode(), match.start()) for match in ASKED.finditer(copy)]
    ends = [*(start for _, start in begun), len(copy)][1:]
    found = Counter(str(turn["prompt"]) for turn in scene.lab.turns())
    verdict.rows_seen = len(begun)
    for (prompt, start), end in zip(begun, ends, strict=True):
        if found[prompt] == 1:
            continue
        if found[prompt] > 1:
            verdict.wrong.append(f"{found[prompt]} rows of the turn {prompt!r}")
        verdict.rows_lost += found[prompt] == 0
        if not any(hole[0] < end and hole[1] > start for hole in holes):
            verdict.wrong.append(f"the turn {prompt!r} is missing, and its bytes are there")
    integrity = scene.lab.rows("PRAGMA integrity_check")
    if integrity != [{"integrity_check": "ok"}]:
        verdict.wrong.append(f"integrity_check: {integrity}")


def check_rebuild(scene: Scene, verdict: Verdict) -> None:
    before, lines = derived(scene), texts(scene)
    keep_copy(scene.lab.places.db, scene.folder / "before.db")
    scene.lab.procy("rebuild", "--all")
    after, again = derived(scene), texts(scene)
    different = sum((lines - again).values()) + sum((again - lines).values())
    if different > MOST_LINES * lines.total():
        verdict.wrong.append(f"rebuild gives other texts: {different} of {lines.total()} lines")
    for name in TABLES:
        if before[name] != after[name]:
            only = [row for row in before[name] if row not in after[name]][:2]
            new = [row for row in after[name] if row not in before[name]][:2]
            verdict.wrong.append(f"rebuild gives other {name}: {only} became {new}")


def texts(scene: Scene) -> Counter[str]:
    """The lines that stood on the terminal. Where a row of them is cut depends on moments."""
    return Counter(line for row in scene.lab.rows(TEXTS) for line in str(row["text"]).split("\n"))


def keep_copy(path: str, copy: Path) -> None:
    """For whoever looks at a failure."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def derived(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{key: value for key, value in row.items() if key != "n"} for row in scene.lab.rows(sql)]
        for name, sql in TABLES.items()
    }
