"""Finding lines by a few letters. Pure.

A query is terms between blanks; a line is found when each term's characters stand in it in order. A term in lower case
ignores case. Better are terms in one piece, then those at the beginning of a word, then those whose characters lie close.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

APART = 1 << 12  # of a term whose characters do not stand in one piece
INSIDE = 1 << 6  # of one that begins within a word


class Term(NamedTuple):
    """``pattern`` takes the characters in order, each at its first place."""

    text: str
    cased: bool
    pattern: re.Pattern[str]


class Line(NamedTuple):
    """What is searched in: the text, and the same in lower case."""

    text: str
    lower: str

    @classmethod
    def of(cls, text: str) -> Line:
        lower = text.lower()
        return cls(text, lower if len(lower) == len(text) else text)


@lru_cache(maxsize=64)
def terms_of(query: str) -> tuple[Term, ...]:
    return tuple(Term(text, text != text.lower(), subsequence(text)) for text in query.split())


def subsequence(text: str) -> re.Pattern[str]:
    parts = [re.escape(text[0]), *(f"[^{re.escape(one)}]*{re.escape(one)}" for one in text[1:])]
    return re.compile("".join(parts))


def search(query: str, lines: Sequence[Line], among: Iterable[int]) -> list[int]:
    """The numbers of the lines that are found, best first; equally good ones keep the order of ``among``."""
    terms = terms_of(query)
    if not terms:
        return list(among)
    found = []
    for number in among:
        line = lines[number]
        cost = 0
        for term in terms:
            span = place(term, line)
            if span is None:
                break
            cost += price(term, line, span)
        else:
            found.append((cost, number))
    ranks = {number: rank for rank, (_, number) in enumerate(found)}
    return [number for _, number in sorted(found, key=lambda one: (one[0], ranks[one[1]]))]


def place(term: Term, line: Line) -> tuple[int, int] | None:
    """Where the term stands: in one piece, at the beginning of a word if it does so anywhere, else spread out."""
    text = line.text if term.cased else line.lower
    first = start = text.find(term.text)
    while start > 0 and text[start - 1].isalnum():
        start = text.find(term.text, start + 1)
    if first >= 0:
        start = start if start >= 0 else first
        return start, start + len(term.text)
    match = term.pattern.search(text)
    return match.span() if match else None


def price(term: Term, line: Line, span: tuple[int, int]) -> int:
    start, end = span
    apart = 0 if end - start == len(term.text) else APART + min(end - start, APART)
    return apart + (INSIDE if start and line.text[start - 1].isalnum() else 0)


def marked(query: str, text: str) -> set[int]:
    """The places of the characters that a query found in a text."""
    line = Line.of(text)
    places: set[int] = set()
    for term in terms_of(query):
        span = place(term, line)
        if span is None:
            continue
        position = span[0]
        source = line.text if term.cased else line.lower
        for character in term.text:
            position = source.index(character, position)
            places.add(position)
            position += 1
    return places
