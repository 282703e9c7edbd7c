"""Rows of training data: read, checked, and made short enough. Standard library only; what is refused has a reason.

A row has what TRL's trainers take (messages in ``prompt``, and ``completion``; ``chosen`` and ``rejected``; ``label``). The first
procy's ``instruction`` and ``output`` are understood too, and a pair's better side is something to imitate.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Message = dict[str, str]
Row = dict[str, Any]
Tokens = Callable[[list[Message]], int]
Read = Callable[[Row], Row]
REASONS = {
    "broken": "not a row of this kind", "empty": "nothing to learn in it", "same": "chosen is the same as rejected",
    "long": "longer than --max-length even without what came before",
}  # fmt: skip


class DataError(Exception):
    """What is wrong with the data, and what to do, as one sentence each."""


@dataclass
class Found:
    """``rows`` to learn from; ``lines``: where they stand in the file. ``refused``: reason → rows; ``shortened``: rows that lost
    their oldest context. ``files``: name → SHA-256. ``manifest``: SHA-256 of the export that the file is of; "" without one."""

    rows: list[Row] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    where: dict[str, list[int]] = field(default_factory=dict)  # reason → its first lines
    shortened: int = 0
    files: dict[str, str] = field(default_factory=dict)
    manifest: str = ""

    def refuse(self, reason: str, number: int) -> None:
        self.refused[reason] += 1
        self.where.setdefault(reason, []).append(number)


def file_of(data: str, method: str, split: str) -> Path | None:
    """The file of a split: ``data`` is a file (all to learn from), an export, or a folder with train.jsonl. Raises DataError."""
    place = Path(data)
    if place.is_file():
        return place if split == "train" else None
    found = [one for one in (place / method / f"{split}.jsonl", place / f"{split}.jsonl") if one.is_file()]
    if not found and split == "train":
        raise DataError(f"there is no {method}/train.jsonl in {data}. Write one: procy export {method} --out {data}")
    return found[0] if found else None


def read(path: Path, method: str) -> Found:
    """All rows of a file that can be used. Raises DataError where a line is no JSON, or where the file is not what its
    manifest says."""
    found = Found(manifest=checked(path), files={path.name: sha256_of(path)})
    for number, line in lines_of(path):
        try:
            row = json.loads(line)
            reason, usable = looked_at(row, method)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, json.JSONDecodeError):
                raise DataError(f"line {number} of {path} is no JSON ({error.msg}). Export the data again") from None
            reason, usable = "broken", {}
        if reason:
            found.refuse(reason, number)
        else:
            found.rows.append(usable)
            found.lines.append(number)
    check_labels(found, path)
    return found


def check_labels(found: Found, path: Path) -> None:
    """Raises DataError where all rows have one label."""
    labels = {row["label"] for row in found.rows if "label" in row}
    if len(labels) == 1:
        only = "good" if labels.pop() else "bad"
        raise DataError(f"all rows of {path} are {only}: from one label there is nothing to tell apart. Use --method sft")


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(number, line) of those that are not blank. Only a line feed ends one: texts may hold U+2028."""
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 (byte {error.start}). Export the data again") from None


def looked_at(row: Row, method: str) -> tuple[str, Row]:
    """Why a row is refused ("": it is not), and what the trainer gets of it. Raises KeyError, TypeError and ValueError."""
    common = {name: row[name] for name in ("id", "kind", "expect") if isinstance(row.get(name), str)}
    prompt = messages(row["instruction"] if "instruction" in row else row["prompt"], "user")
    if method == "dpo":
        chosen, rejected = messages(row["chosen"]), messages(row["rejected"])
        if not text_of(chosen) or not text_of(rejected) or not text_of(prompt):
            return "empty", {}
        if text_of(chosen) == text_of(rejected):
            return "same", {}
        return "", {**common, "prompt": prompt, "chosen": chosen, "rejected": rejected}
    completion = messages(row[next((name for name in ("completion", "output", "chosen") if name in row), "completion")])
    if not text_of(completion) or not text_of(prompt):
        return "empty", {}
    if method == "kto":
        if not isinstance(row["label"], bool):
            raise ValueError("label")
        return "", {**common, "prompt": prompt, "completion": completion, "label": row["label"]}
    return "", {**common, "prompt": prompt, "completion": completion}


def messages(value: object, role: str = "assistant") -> list[Message]:
    """A text is one message. Raises ValueError."""
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    if not isinstance(value, list) or not value:
        raise ValueError("messages")
    for one in value:
        if not (isinstance(one.get("role"), str) and isinstance(one.get("content"), str)):
            raise ValueError("message")
    return [{"role": one["role"], "content": one["content"]} for one in value]


def text_of(said: list[Message]) -> str:
    return " ".join(" ".join(one["content"] for one in said).split())


# -- length -------------------------------------------------------------------------------------------------------------


def fit(found: Found, most: int, tokens: Tokens) -> Found:
    """The same with every row at most ``most`` tokens long: the oldest messages of the prompt go first, a system message and the
    last one stay; what is longer even so is refused. A trainer would drop such a row, or cut off what it should learn."""
    rows, lines = [], []
    for number, row in zip(found.lines, found.rows, strict=True):
        prompt = shortened(row, most, tokens)
        if prompt is None:
            found.refuse("long", number)
            continue
        found.shortened += len(prompt) < len(row["prompt"])
        rows.append({**row, "prompt": prompt})
        lines.append(number)
    found.rows, found.lines = rows, lines
    return found


def shortened(row: Row, most: int, tokens: Tokens) -> list[Message] | None:
    said = [row[name] for name in ("completion", "chosen", "rejected") if name in row]
    prompt = list(row["prompt"])
    while max(tokens(prompt + one) for one in said) > most:
        oldest = 1 if prompt[0]["role"] == "system" else 0
        if len(prompt) - oldest <= 1:
            return None
        del prompt[oldest]
    return prompt


def told(found: Found) -> list[str]:
    """What was refused and changed, in words."""
    lines = [
        f"refused {count} row{'s' * (count > 1)}: {REASONS[reason]} (line {', '.join(map(str, found.where[reason][:5]))}"
        f"{', …' if count > 5 else ''})"
        for reason, count in found.refused.items()
    ]
    if found.shortened:
        lines.append(f"shortened {found.shortened} row{'s' * (found.shortened > 1)} to --max-length, the oldest first")
    return lines


# -- hashes -------------------------------------------------------------------------------------------------------------


def checked(path: Path) -> str:
    """SHA-256 of the export that a file belongs to; "" where it belongs to none. Raises DataError."""
    for folder in (path.parent, path.parent.parent):
        manifest = folder / "manifest.json"
        if manifest.is_file():
            try:
                said = json.loads(manifest.read_text(encoding="utf-8"))
                wanted, whole = dict(said["files"]), str(said["sha256"])
            except (ValueError, KeyError, TypeError):
                raise DataError(f"{manifest} is no manifest of an export. Export the data again") from None
            name = path.relative_to(folder).as_posix()
            if name in wanted and wanted[name] != sha256_of(path):
                raise DataError(f"{path} is not what {manifest} says: it was changed. Export the data again")
            return whole if name in wanted else ""
    return ""


def sha256_of(path: Path) -> str:
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            whole.update(data)
    return whole.hexdigest()
