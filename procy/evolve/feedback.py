"""What an evaluator says beside its numbers, as text: the *performance interface*, of any shape and nesting. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from procy.evolve.words import cleaned, digits, is_number, one_line, shorten

DEEPEST = 6
MOST = 20  # entries of one list or table
LONGEST = 2000  # characters of one text
SHORT = 100  # a list that fits a line


def blocks(feedback: Sequence[Any]) -> list[str]:
    """One text an entry, and of a table one each key: each can be left out alone."""
    found: list[str] = []
    for entry in feedback:
        parts = [{key: value} for key, value in entry.items()] if isinstance(entry, Mapping) else [entry]
        found += ["\n".join(lines(part)) for part in parts]
    return [block for block in found if block.strip()]


def lines(value: Any, name: str = "", depth: int = 0) -> Iterator[str]:
    """``name``: of what it belongs to, which says how a list of it is to be read."""
    if isinstance(value, Mapping):
        yield from table(value, depth)
    elif (text := plain(value, name)) is not None:
        yield from text.split("\n")
    elif depth >= DEEPEST:
        yield "…"
    else:
        yield from items(value, name, depth)


def table(value: Mapping[Any, Any], depth: int) -> Iterator[str]:
    for place, (key, inner) in enumerate(value.items()):
        if place == MOST:
            yield f"and {len(value) - MOST} more"
            return
        name = shorten(one_line(key).replace("_", " "), 80)
        text = plain(inner, name)
        if text is None and depth >= DEEPEST:
            text = "…"
        if text is not None and "\n" not in text:
            yield f"{name}: {text}"
        else:
            yield f"{name}:"
            yield from (f"  {line}" for line in (text.split("\n") if text is not None else lines(inner, name, depth + 1)))


def items(value: Sequence[Any], name: str, depth: int) -> Iterator[str]:
    for inner in value[:MOST]:
        first, *rest = [*lines(inner, name, depth + 1)] or ["none"]
        if rest and isinstance(inner, Mapping) and all(plain(one) is not None for one in inner.values()):
            first, rest = ", ".join([first, *rest]), []
        yield f"- {first}"
        yield from (f"  {line}" for line in rest)
    if len(value) > MOST:
        yield f"- and {len(value) - MOST} more"


def plain(value: Any, name: str = "") -> str | None:
    """A scalar, or a short list of such, in words; None for all else."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if is_number(value):
        return f"{'+' if value > 0 and 'delta' in name.lower() else ''}{digits(value, 4)}"
    if isinstance(value, (list, tuple)):
        return row(value, name)
    if isinstance(value, Mapping):
        return signed(value) if "delta" in name.lower() else "none" if not value else None
    return shorten(cleaned(value), LONGEST)


def row(value: Sequence[Any], name: str) -> str | None:
    """A list on one line: of a path its steps in order."""
    if any(isinstance(one, (list, tuple, Mapping)) for one in value) or len(value) > MOST:
        return None
    texts = [plain(one, name) or "none" for one in value]
    text = (" → " if "path" in name.lower() else ", ").join(texts) or "none"
    return text if len(text) <= SHORT and "\n" not in text else None


def signed(value: Mapping[Any, Any]) -> str | None:
    """Differences, on one line where they are numbers and few."""
    if not value or len(value) > MOST or not all(is_number(one) for one in value.values()):
        return None
    return ", ".join(f"{one_line(key).replace('_', ' ')} {plain(one, 'delta')}" for key, one in value.items())
