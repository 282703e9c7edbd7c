"""What a search finds on a screen: when it stood there, and where. Terms are those of the full-text index."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from procy.parse.screen import Screen
from procy.recording.terminal import TerminalLog

LOOKS = 300  # at the screen, between two texts of the index
FURTHEST = 2 << 20  # bytes before the end of a text in which it is looked for


class Terms:
    """Words, "phrases" and beginnings* of a query."""

    def __init__(self, query: str) -> None:
        found = [pattern for word in re.findall(r'"[^"]*"\*?|\S+', query) if (pattern := pattern_of(word))]
        self.patterns = [re.compile(pattern) for pattern in found]

    def count(self, lines: Sequence[str]) -> int:
        """How many of them there are on a screen."""
        text = fold("\n".join(lines))
        return sum(1 for pattern in self.patterns if pattern.search(text))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where they are, in order and apart from each other."""
        folded = fold(text)
        found = sorted(match.span() for pattern in self.patterns for match in pattern.finditer(folded))
        apart: list[tuple[int, int]] = []
        for start, end in found:
            if end > start and (not apart or start >= apart[-1][1]):
                apart.append((start, end))
        return apart


def pattern_of(word: str) -> str:
    """Words in the same order with anything but letters between them, as the index has it."""
    begins = word.endswith("*")
    words = re.findall(r"[^\W_]+", fold(word))
    return r"(?<![^\W_])" + r"[\W_]+".join(words) + (r"[^\W_]*" if begins else r"(?![^\W_])") if words else ""


def fold(text: str) -> str:
    """As long as the text, so that places in it stay what they are; without case and accents."""
    return "".join((unicodedata.normalize("NFD", one)[0].casefold() or one)[0] for one in text)


def moment(log: TerminalLog, before: int, offset: int, terms: Terms) -> int:
    """The first place in a text's bytes after which most of the terms stand on the screen."""
    start = max(before, offset - FURTHEST)
    reads = list(log.reads(start, offset))
    picture = log.picture_at(start)
    screen = Screen(picture.columns, picture.rows)
    screen.feed(picture.escapes)
    best, place = terms.count(screen.lines()), start
    for number, one in enumerate(reads):
        screen.resize(one.columns, one.rows)
        screen.feed(one.data)
        if number % (len(reads) // LOOKS + 1) and number + 1 < len(reads):
            continue
        count = terms.count(screen.lines())
        if count > best:
            best, place = count, one.end
        if best == len(terms.patterns):
            break
    screen.close()
    return place if best else offset


def marked(lines: Sequence[str], terms: Terms) -> Markup:
    """The lines with what was found in them marked."""
    return Markup("").join(pieces("\n".join(lines), terms))


def pieces(text: str, terms: Terms) -> Iterator[Markup]:
    done = 0
    for start, end in terms.spans(text):
        yield escape(text[done:start]) + Markup("<mark>") + escape(text[start:end]) + Markup("</mark>")
        done = end
    yield escape(text[done:])
