"""What tells a turn's text from that of others: enough of its words to find them wherever they stand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from procy.types import Picture

LEAST, USUAL = 8, 24  # characters of a piece
MOST = 4_000  # pieces
REPLACED = "forgotten"


class Traces:
    """Pieces of a turn's prompt, answer, reasoning and tool calls that stand in no other turn of its session.

    The ``prompt`` is found as a whole too, however short it is.
    """

    def __init__(self, prompt: str, texts: Iterable[str], others: Sequence[str]) -> None:
        self.prompt = squeezed(prompt)
        elsewhere = "\n".join(squeezed(text) for text in others)
        found = dict.fromkeys(piece for text in texts for piece in pieces(text))
        self.pieces = [piece for piece in found if piece not in elsewhere][:MOST]

    def in_text(self, text: str) -> bool:
        plain = squeezed(text)
        return plain == self.prompt or any(piece in plain for piece in self.pieces)

    def in_picture(self, picture: Picture) -> bool:
        from procy.parse.screen import Screen  # late: the emulator takes a sixth of a second to import

        screen = Screen(picture.columns, picture.rows)
        screen.feed(picture.escapes)
        return self.in_text("\n".join(screen.lines()))

    def in_json(self, value: Any) -> bool:
        return any(self.in_text(text) for text in strings(value))

    def without(self, value: Any) -> Any:
        """A JSON value with every string replaced that has a piece."""
        if isinstance(value, str):
            return REPLACED if self.in_text(value) else value
        if isinstance(value, list):
            return [self.without(one) for one in value]
        if isinstance(value, dict):
            return {name: self.without(one) for name, one in value.items()}
        return value


def traces_of(connection: sqlite3.Connection, turn_id: str) -> Traces:
    """From the derived rows, which are masked: what is masked is in no derived row of others either."""
    session_id, prompt = connection.execute("SELECT session_id, prompt FROM turns WHERE id = ?", (turn_id,)).fetchone()
    turns = "SELECT prompt, response, reasoning, error FROM turns WHERE session_id = ? AND id {} ?"
    calls = (
        "SELECT input, result FROM tool_calls JOIN turns ON turns.id = turn_id WHERE session_id = ? AND turn_id {} ? "
        "UNION ALL SELECT path, diff FROM turn_files JOIN turns ON turns.id = turn_id WHERE session_id = ? AND turn_id {} ?"
    )

    def texts(which: str) -> Iterator[str]:
        key = (session_id, turn_id)
        for row in (
            *connection.execute(turns.format(which), key),
            *connection.execute(calls.format(which, which), key * 2),
        ):
            for text in row:
                yield from strings(parsed(text)) if text else ()

    return Traces(prompt, texts("="), list(texts("!=")))


def parsed(text: str) -> Any:
    """A tool's input is JSON; any other text is itself."""
    try:
        return json.loads(text) if text[:1] in "{[" else text
    except ValueError:
        return text


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)


def squeezed(text: str) -> str:
    """Lines with single blanks: a terminal breaks and indents lines as it likes."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))


def pieces(text: str) -> Iterator[str]:
    """Runs of whole words, short enough to stand on one row of a screen."""
    for line in text.split("\n"):
        piece = ""
        for word in line.split():
            piece = f"{piece} {word}" if piece else word
            if len(piece) >= USUAL:
                yield piece
                piece = ""
        if len(piece) >= LEAST:
            yield piece
