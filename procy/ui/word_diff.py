"""How one text became another, word by word: what pages show of a correction. Pure.

Myers' greedy algorithm (An O(ND) Difference Algorithm, 1986) over words. What both texts begin and end with is set aside
first; where the rest is too long, or too different, lines are compared, and each changed run of lines by its words.
``static/words.js`` does the same in the browser while somebody types.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

Kind = Literal["same", "del", "ins", "gap"]
WORD = re.compile(r"\n|[^\S\n]+|\w+|[^\w\s]")
LINE = re.compile(r"[^\n]*\n|[^\n]+")
WORDS = 50_000  # characters of both texts together up to which words are compared
STEPS = 500  # differences up to which they are looked for: the work grows with the square
LONGEST = 200  # characters of a word; a longer one may be shown in parts
CONTEXT = 120  # characters shown around a change
LEAST = 80  # characters that are worth leaving out


class Piece(NamedTuple):
    """A run of one kind; of a ``gap``, ``text`` says how many characters are the same."""

    kind: Kind
    text: str


def word_diff(old: str, new: str) -> list[Piece]:
    """Pieces in order: those that are not ``ins`` make the old text, those that are not ``del`` the new one."""
    start = common(old, new)
    end = common(old[start:][::-1], new[start:][::-1])
    start, end = snapped(old, new, start, end)
    was, now = old[start : len(old) - end], new[start : len(new) - end]
    found = by_words(was, now) or by_lines(was, now)
    return joined([Piece("same", old[:start]), *found, Piece("same", old[len(old) - end :])])


def by_words(old: str, new: str) -> list[Piece] | None:
    return tidy(found) if len(old) + len(new) <= WORDS and (found := compare(old, new, WORD)) else None


def by_lines(old: str, new: str) -> list[Piece]:
    """Changed lines, and of those the words where they are not too many."""
    found: list[Piece] = []
    for run in paired(compare(old, new, LINE) or [Piece("del", old), Piece("ins", new)]):
        fine = by_words(run[0].text, run[1].text) if len(run) == 2 and run[0].text != old else None
        found += fine or run
    return found


def common(one: str, other: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def snapped(old: str, new: str, start: int, end: int) -> tuple[int, int]:
    """The common beginning and end cut back to where words end."""
    least_start, least_end = max(start - LONGEST, 0), max(end - LONGEST, 0)
    while start > least_start and (inside(old, start) or inside(new, start)):
        start -= 1
    while end > least_end and (inside(old, len(old) - end) or inside(new, len(new) - end)):
        end -= 1
    return start, end


def inside(text: str, at: int) -> bool:
    return 0 < at < len(text) and bool(re.match(r"\w\w|[^\S\n]{2}", text[at - 1 : at + 1]))


def compare(old: str, new: str, unit: re.Pattern[str]) -> list[Piece] | None:
    """None where they differ too much."""
    a, b = unit.findall(old), unit.findall(new)
    path = matches(a, b)
    if path is None:
        return None
    found: list[Piece] = []
    x = y = 0
    for to_x, to_y, length in [*path, (len(a), len(b), 0)]:
        found += [Piece("del", "".join(a[x:to_x])), Piece("ins", "".join(b[y:to_y]))]
        x, y = to_x + length, to_y + length
        found.append(Piece("same", "".join(a[to_x:x])))
    return joined(found)


def matches(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int, int]] | None:
    """Runs that are equal, as (place in a, place in b, length); None where more than STEPS differences are between them."""
    last = {1: 0}  # how far one gets in a on each diagonal (place in a - place in b) with one difference less
    trace: list[Mapping[int, int]] = []
    for step in range(min(len(a) + len(b), STEPS) + 1):
        trace.append(last)
        now: dict[int, int] = {}
        for k in range(-step, step + 1, 2):
            x = last[k + 1] if comes_down(last, step, k) else last[k - 1] + 1
            while x < len(a) and x - k < len(b) and a[x] == b[x - k]:
                x += 1
            now[k] = x
            if x >= len(a) and x - k >= len(b):
                return [*backwards(trace, len(a), len(b))][::-1]
        last = now
    return None


def comes_down(last: Mapping[int, int], step: int, k: int) -> bool:
    """Whether the way to a diagonal is by something new, and not by something gone."""
    return k == -step or (k != step and last[k - 1] < last[k + 1])


def backwards(trace: Sequence[Mapping[int, int]], x: int, y: int) -> Iterator[tuple[int, int, int]]:
    for step in range(len(trace) - 1, -1, -1):
        last, k = trace[step], x - y
        down = comes_down(last, step, k)
        before = k + 1 if down else k - 1
        begin = last[before] + (not down)
        if x > begin:
            yield begin, begin - k, x - begin
        x, y = last[before], last[before] - before


def tidy(pieces: Sequence[Piece]) -> list[Piece]:
    """Without single blanks and signs that only happen to be in both, between two changes."""
    found: list[Piece] = []
    for at, piece in enumerate(pieces):
        between = piece.kind == "same" and 0 < at < len(pieces) - 1
        if between and len(piece.text) < 3 and not re.search(r"[\w\n]", piece.text):
            found += [Piece("del", piece.text), Piece("ins", piece.text)]
        else:
            found.append(piece)
    return joined(found)


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Neighbours of one kind in one piece; between two that are the same, what went before what came."""
    found: list[Piece] = []
    gone = came = ""
    for kind, text in pieces:
        if kind == "del":
            gone += text
        elif kind == "ins":
            came += text
        elif text:
            found += changes(gone, came)
            gone = came = ""
            if found and found[-1].kind == "same":
                text = found.pop().text + text
            found.append(Piece("same", text))
    return [*found, *changes(gone, came)]


def changes(gone: str, came: str) -> list[Piece]:
    return [piece for piece in (Piece("del", gone), Piece("ins", came)) if piece.text]


def paired(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Each ``del`` together with the ``ins`` after it."""
    at = 0
    while at < len(pieces):
        both = pieces[at].kind == "del" and at + 1 < len(pieces) and pieces[at + 1].kind == "ins"
        yield list(pieces[at : at + 1 + both])
        at += 1 + both


def brief(pieces: Sequence[Piece]) -> list[Piece]:
    """Without most of what is the same."""
    found: list[Piece] = []
    for at, piece in enumerate(pieces):
        before, after = CONTEXT if at else 0, CONTEXT if at < len(pieces) - 1 else 0
        left_out = len(piece.text) - before - after
        if piece.kind != "same" or left_out < LEAST:
            found.append(piece)
            continue
        found += [Piece("same", piece.text[:before]), Piece("gap", str(left_out))]
        found.append(Piece("same", piece.text[len(piece.text) - after :]))
    return [piece for piece in found if piece.text]


def two_sides(old: str, new: str) -> tuple[list[tuple[bool, str]], list[tuple[bool, str]]]:
    """Both texts in pieces, to stand beside each other: whether it differs, and the words."""
    pieces = word_diff(old, new)
    left, right = ([(kind != "same", text) for kind, text in pieces if kind in ("same", own)] for own in ("del", "ins"))
    return left, right
