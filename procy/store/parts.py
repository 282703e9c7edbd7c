"""Bodies of API calls in pieces, so that what is sent again with every call is kept once. Pure.

A JSON object is cut at the elements of those lists in which agents put what they repeat; everything between stays as it is, so
that the pieces, joined, are the very bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

LISTS = frozenset({"messages", "input", "contents", "tools", "system"})
SMALLEST = 64  # characters: what is shorter goes with the piece behind it
SPACE = re.compile(r"[ \t\n\r]*")
DECODE = json.JSONDecoder().raw_decode
LARGEST = 64 << 20  # bytes: a body beyond is one piece


class Split(NamedTuple):
    """``model`` is the object's own, where it has one."""

    pieces: list[bytes]
    model: str | None = None


def split_body(body: bytes) -> Split:
    """The pieces of a request's or a reply's body. What is no JSON object in UTF-8 is one piece."""
    if not body.startswith(b"{") or len(body) > LARGEST:
        return Split([body] if body else [])
    found: dict[str, object] = {}
    try:
        text = body.decode("utf-8")
        cuts = [*cuts_of(text, found)]
    except (ValueError, IndexError, RecursionError):
        return Split([body])
    pieces, last = [], 0
    for cut in [*cuts, len(text)]:
        if cut - last >= SMALLEST or cut == len(text):
            pieces.append(text[last:cut].encode())
            last = cut
    model = found.get("model")
    return Split([piece for piece in pieces if piece], model if isinstance(model, str) else None)


def cuts_of(text: str, found: dict[str, object]) -> Iterator[int]:
    """Where in the text of a JSON object one piece ends and the next begins; its model goes to ``found``.

    Raises ValueError or IndexError where it is none.
    """
    place = after_space(text, 1)
    while text[place] != "}":
        key, place = DECODE(text, place)
        place = expect(text, place, ":")
        if key in LISTS and text[place] == "[":
            place = yield from elements(text, place)
        else:
            value, place = DECODE(text, place)
            if key == "model":
                found["model"] = value
        place = next_item(text, place, "}")


def elements(text: str, place: int) -> Generator[int, None, int]:
    """The ends of a list's elements, and its beginning. Returns where it ends."""
    place = after_space(text, place + 1)
    yield place
    while text[place] != "]":
        _, place = DECODE(text, place)
        yield place
        place = next_item(text, place, "]")
    return place + 1


def next_item(text: str, place: int, end: str) -> int:
    """Behind the comma, or at the closing bracket."""
    place = after_space(text, place)
    return place if text[place] == end else expect(text, place, ",")


def expect(text: str, place: int, sign: str) -> int:
    place = after_space(text, place)
    if text[place] != sign:
        raise ValueError(f"{sign!r} was expected at {place}")
    return after_space(text, place + 1)


def after_space(text: str, place: int) -> int:
    found = SPACE.match(text, place)
    return found.end() if found else place


def pack_ids(ids: Iterable[int]) -> bytes:
    """Each less the one before, zigzag, seven bits a byte."""
    packed, last = bytearray(), 0
    for one in ids:
        number = (one - last) * 2 if one >= last else (last - one) * 2 - 1
        last = one
        while number > 127:
            packed.append(number & 127 | 128)
            number >>= 7
        packed.append(number)
    return bytes(packed)


def unpack_ids(packed: bytes) -> list[int]:
    ids: list[int] = []
    last = number = shift = 0
    for byte in packed:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            last += -((number + 1) >> 1) if number & 1 else number >> 1
            ids.append(last)
            number = shift = 0
    return ids
