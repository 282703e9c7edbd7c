"""Where private keys stand in a text: from the BEGIN mark over header and base64 lines to the END mark (RFC 7468, 4880). Pure.

Keys are found as tools show them: indented, quoted, numbered, with ``\\n`` in place of line ends, without any line ends.
Prose that only names the marks is no key, and of a key that is cut off only its lines are one.
"""

import re
from collections.abc import Iterator

BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----")
GAP = r"(?P<gap>(?:\\+[nrt]|[^A-Za-z0-9/+=]){0,60}(?:\d{1,6}[→:|│\t ] ?)?)"
HEADER = re.compile(r"\s{0,60}(?:\\+[nr])*\s{0,60}[A-Za-z][A-Za-z-]{2,20}: (?:(?!\\n)[^\n\"]){0,100}")
DATA = re.compile(GAP + r"(?P<data>[A-Za-z0-9/+=]+)")
LAST = re.compile(r"[ \t]*\n[ \t]*[A-Za-z0-9/+=]{1,76}(?=[ \t]*(?:\n|\Z))")
LARGEST = 1 << 14
LONG = 24  # no word of prose has so many characters


def key_spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every key."""
    place = 0
    while begin := BEGIN.search(text, place):
        place = key_end(text, begin.end(), begin[1]) or begin.end()
        if place > begin.end():
            yield begin.start(), place


def open_key(text: str) -> int:
    """Where a key begins of which more may come behind the text; its length when there is none."""
    begins = list(BEGIN.finditer(text, max(len(text) - LARGEST, 0)))
    if not begins:
        return len(text)
    begin = begins[-1]
    end = key_end(text, begin.end(), begin[1]) or begin.end()
    return begin.start() if end == len(text) and not text.endswith(f"-----END {begin[1]}-----") else len(text)


def key_end(text: str, place: int, label: str) -> int:
    """Where a key ends of which the data begins at ``place``; 0 when there is no data."""
    end_mark = re.compile(rf"{GAP}-----END {label}-----")
    seen = 0  # where data ends that can be nothing else
    while True:
        if end := end_mark.match(text, place):
            return end.end()
        if header := None if seen else HEADER.match(text, place):
            place = header.end()
        elif (data := DATA.match(text, place)) and (len(data["data"]) >= LONG or has_break(data["gap"])):
            place = data.end()
            seen = place if len(data["data"]) >= LONG else seen
        else:
            break
    last = LAST.match(text, seen) if seen else None
    return last.end() if last else seen


def has_break(gap: str) -> bool:
    return "\n" in gap or "\\n" in gap
