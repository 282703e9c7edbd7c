"""Writing an export: all of it or nothing. What the scanner finds is taken out of the files before they have their name."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from procy.errors import ProcyError
from procy.learn.examples import Example, Gathering
from procy.learn.export.columns import SOURCES, hidden, row_of
from procy.learn.scrub import secrets_by_line

LINES = {"train": "train.jsonl", "test": "test.jsonl"}
MASK = "[redacted:found]"
TEXTS = {"train": "train.txt", "test": "test.txt"}


class Kept(NamedTuple):
    """A row that is written. ``lines``: of its text for the scanner."""

    example: Example
    lines: int


@dataclass
class Written:
    """What is in an export. ``files``: path in it → SHA-256; ``counts``: method → split → category → rows."""

    files: dict[str, str] = field(default_factory=dict)
    counts: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    latest: str = ""

    @property
    def rows(self) -> int:
        return sum(count.total() for splits in self.counts.values() for count in splits.values())


def write_methods(folder: Path, gathering: Gathering, methods: Iterable[str]) -> Written:
    """``folder``/<method>/train.jsonl and test.jsonl; a split without rows has no file. Raises ProcyError, OSError."""
    written = Written()
    for method in methods:
        place = folder / method
        place.mkdir(parents=True)
        written.counts[method] = {"train": Counter(), "test": Counter()}
        kept: dict[str, list[Kept]] = {"train": [], "test": []}
        with ExitStack() as stack:
            files = {name: stack.enter_context(open(place / name, "wb")) for name in (*LINES.values(), *TEXTS.values())}
            for example in SOURCES[method](gathering):
                files[LINES[example.split]].write(line_of(row_of(method, example)))
                text = text_of(example)
                files[TEXTS[example.split]].write(text)
                kept[example.split].append(Kept(without_texts(example), text.count(b"\n")))
        for split, rows in kept.items():
            path = place / LINES[split]
            for example in without_secrets(path, place / TEXTS[split], rows, gathering):
                written.counts[method][split][example.category] += 1
                written.groups.add(hidden(example.group))
                written.sessions.update(example.sessions)
                written.latest = max(written.latest, example.at)
            if path.stat().st_size:
                written.files[f"{method}/{path.name}"] = sha256_of(path)
            else:
                path.unlink()
    return written


def text_of(example: Example) -> bytes:
    """All that a row says, for the scanner, which would take our own ids for keys."""
    texts = (*(one["content"] for one in example.prompt), example.chosen, example.rejected or "")
    return "".join(f"{line}\n" for text in texts for line in text.split("\n")).encode("utf-8", "replace")


def without_texts(example: Example) -> Example:
    """What is kept in memory of a row that is written."""
    return replace(example, prompt=(), chosen="", rejected=None)


def line_of(row: dict[str, Any]) -> bytes:
    return (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "replace")


def without_secrets(path: Path, texts: Path, rows: list[Kept], gathering: Gathering) -> list[Example]:
    """Mask what the scanner sees in the file, and take out lines where that is not possible; returns the rows that are left."""
    ends = list(accumulate(row.lines for row in rows))
    seen = secrets_by_line(texts) if rows else {}
    texts.unlink()
    values = {json.dumps(value, ensure_ascii=False)[1:-1] for found in seen.values() for value in found} - {""}
    flagged = {bisect_left(ends, number) for number in seen}
    if not flagged:
        return [row.example for row in rows]
    kept = []
    beside = path.with_suffix(".masked")
    with open(path, encoding="utf-8") as lines, open(beside, "w", encoding="utf-8", newline="") as file:
        for number, (line, row) in enumerate(zip(lines, rows, strict=True)):
            masked = line
            for value in values:  # each is told once, wherever else it stands
                masked = masked.replace(value, MASK)
            if number in flagged and masked == line:
                gathering.drop(row.example.category, "secret")
                continue
            gathering.scrubber.found["secret"] += masked != line
            file.write(masked)
            kept.append(row.example)
    beside.replace(path)
    return kept


def sha256_of(path: Path) -> str:
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            whole.update(data)
    return whole.hexdigest()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder that appears as a whole at the end of the block, in the place of one that procy wrote before, or not at all."""
    if path.exists() and not (path / "manifest.json").is_file():
        raise ProcyError(f"{path} is there and is no export of procy's", "Choose another folder with --out")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir(mode=0o700)
        yield beside
        if path.exists():
            path.rename(old)
        beside.rename(path)
    except OSError as error:
        if old.exists() and not path.exists():
            old.rename(path)
        raise ProcyError(f"cannot write {path}: {error.strerror}", "Make room, or choose another folder with --out") from error
    finally:
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)
