"""Changing one member of a JSON object in its text, so that every other byte of the line stays as it was."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

BLANK = " \t\r\n"
DECODER = json.JSONDecoder()


class Member(NamedTuple):
    key: str
    start: int
    end: int
    value: Any


def members(text: str) -> list[Member]:
    """The top-level members of an object, in order, with where each stands. Raises ValueError for what is no object."""
    found: list[Member] = []
    place = skip(text, 0)
    if text[place : place + 1] != "{":
        raise ValueError("no object")
    place = skip(text, place + 1)
    while text[place : place + 1] != "}":
        start = place
        if text[place : place + 1] != '"':
            raise ValueError("no key")
        key, place = DECODER.raw_decode(text, place)
        place = skip(text, place)
        if text[place : place + 1] != ":":
            raise ValueError("no value")
        value, place = DECODER.raw_decode(text, skip(text, place + 1))
        found.append(Member(key, start, place, value))
        place = skip(text, place)
        if text[place : place + 1] == ",":
            place = skip(text, place + 1)
        elif text[place : place + 1] != "}":
            raise ValueError("no end")
    return found


def skip(text: str, place: int) -> int:
    while text[place : place + 1] and text[place] in BLANK:
        place += 1
    return place


def without(line: bytes, key: str) -> bytes:
    """The line without the top-level members of that name. Raises ValueError where there is no object in it."""
    text = line.decode("utf-8")
    while True:
        found = members(text)
        place = next((place for place, one in enumerate(found) if one.key == key), None)
        if place is None:
            return text.encode("utf-8")
        last = place + 1 == len(found)
        start = found[place - 1].end if last and place else found[place].start
        end = found[place].end if last else found[place + 1].start
        text = text[:start] + text[end:]


def with_first(line: bytes, key: str, value: str) -> bytes:
    """The line with one more member before the others; the object must not be empty."""
    place = line.index(b"{") + 1
    return line[:place] + json.dumps(key).encode() + b":" + json.dumps(value).encode() + b"," + line[place:]
