"""Terminal bytes made unreadable that still do the same: cursor, colours, modes and line ends stay, letters become stars.

What follows such bytes is drawn where it was drawn before, so a recording stays whole around what was forgotten. Lengths
stay too: a character of more bytes than columns is filled up with NUL, which terminals ignore. Pure.
"""

from __future__ import annotations

import re
import unicodedata

from procy.parse.width import display_width

ESCAPES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|(?P<string>\x1b[\]P_^X][^\x07\x1b]*)(?:\x07|\x1b\\)?"  # OSC and other strings
    rb"|\x1b\[[0-?]*[ -/]*\Z|\x1b[ -/]*[0-~]?|[\x00-\x1f\x7f]"
)
MARKS = re.compile(rb"\x1b\](?:133;[A-Z](?:;\d+)?|7501;[^\x07\x1b]*|9;4;[0-9;]*)")  # strings without a word of anybody's
SIGN = re.compile(r"[$%#>] ")  # what a prompt ends with


def blanked(data: bytes) -> bytes:
    """As many bytes without a word in them. ``data`` begins and ends between characters and escape sequences."""
    parts = []
    place = 0
    for match in ESCAPES.finditer(data):
        parts.append(starred(data[place : match.start()]))
        parts.append(blank_string(match) if match["string"] else match[0])
        place = match.end()
    parts.append(starred(data[place:]))
    return b"".join(parts)


def blank_string(match: re.Match[bytes]) -> bytes:
    """A title, a link, an image: its opening and its end stay, and so do marks that say what the program does."""
    text = match["string"]
    kept = MARKS.match(text)
    opening = kept[0] if kept else (re.match(rb"\x1b.\d*;?", text) or match)[0]
    return opening + re.sub(rb"[^;=]", b"*", text[len(opening) :]) + match[0][len(text) :]


def starred(run: bytes) -> bytes:
    """Text without control characters; blanks, prompt signs, and symbols such as those of frames stay."""
    text = run.decode("utf-8", "surrogateescape")
    kept = {match.start() for match in SIGN.finditer(text)}
    return b"".join(
        one.encode("utf-8", "surrogateescape") if place in kept or is_shape(one) else star(one) for place, one in enumerate(text)
    )


def is_shape(character: str) -> bool:
    return character == " " or (character > "\x7f" and unicodedata.category(character)[0] in "SZ")


def star(character: str) -> bytes:
    """Stars over its columns, as long as the character."""
    length = len(character.encode("utf-8", "surrogateescape"))
    return (b"*" * min(display_width(character), length)).ljust(length, b"\0")
