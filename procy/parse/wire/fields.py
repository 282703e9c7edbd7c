"""Reading JSON that a client or an upstream wrote: every field is translated, dropped aloud, or refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from procy.errors import WireError


class Losses:
    """Names what a translation leaves out, each once, in the order it was met."""

    def __init__(self) -> None:
        self.found: dict[str, None] = {}

    def note(self, field: str, why: str) -> None:
        self.found.setdefault(f"{field}: {why}")

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(self.found)


def refused(field: str, why: str, remedy: str) -> WireError:
    return WireError(f"{field} {why}", remedy)


def dropped(body: Mapping[str, Any], names: Mapping[str, str], losses: Losses) -> None:
    """Note those of the fields that are there; ``names`` says why each is left out."""
    for name, why in names.items():
        if body.get(name) not in (None, "", [], {}, False):
            losses.note(name, why)


def refuse(body: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """An error for a field that is there and changes the answer; ``names`` says what to do instead."""
    for name, remedy in names.items():
        if body.get(name) not in (None, "", [], {}, False):
            raise refused(name, "has no counterpart on the upstream's wire", remedy)


def unknown(body: Mapping[str, Any], known: Iterable[str], losses: Losses) -> None:
    for name in sorted(body.keys() - set(known)):
        losses.note(name, "not known to procy")


def objects(value: Any, field: str) -> list[dict[str, Any]]:
    """A list of objects; nothing is none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise refused(field, "is no list of objects", "See the client's API reference.")
    return value


def an_object(value: Any, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refused(field, "is no object", "See the client's API reference.")
    return value


def text(value: Any, field: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refused(field, "is no string", "See the client's API reference.")
    return value


def texts(value: Any, field: str) -> tuple[str, ...]:
    """A list of strings, or one alone; nothing is none."""
    if value is None or isinstance(value, str):
        return (value,) if value else ()
    if not isinstance(value, list):
        raise refused(field, "is no list of strings", "See the client's API reference.")
    return tuple(text(one, field) for one in value)


def number(value: Any, field: str) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise refused(field, "is no number", "See the client's API reference.")
    return value


def whole_number(value: Any, field: str) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise refused(field, "is no whole number", "See the client's API reference.")
    return value


def flag(value: Any, field: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise refused(field, "is neither true nor false", "See the client's API reference.")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """Of what an upstream wrote: the object, or an empty one."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[dict[str, Any]]:
    """Of what an upstream wrote: the objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def place(value: Any) -> int:
    """Of what an upstream wrote: an index; -1 where there is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def kept(**values: Any) -> dict[str, Any]:
    """The values that are there, as fields of a body."""
    return {name: value for name, value in values.items() if value is not None and value != ()}
