"""What the plane tells the recorder about a call: at its beginning, and at its end; and what the recorder gives away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from procy.gateway.call import Call, Headers


@dataclass(frozen=True, slots=True)
class Opened:
    """``came``: bytes of its body that the client sent, though the call may have none. ``packed``: what it has is compressed."""

    call: Call
    came: int
    packed: bool = False

    @property
    def size(self) -> int:
        """Bytes of bodies that wait with it."""
        return len(self.call.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Times in ms since the call was whole. ``reply`` are the bytes that the upstream sent, None where they are too many to
    keep; ``sent`` is what went up, where it differs. ``secrets`` must not be stored, wherever they stand. ``packed``: bodies
    are compressed."""

    call: Call
    outcome: str
    status: int | None = None
    error: str | None = None
    upstream: str | None = None
    key: str | None = None
    model: str | None = None
    waited_ms: float | None = None
    first_byte_ms: float | None = None
    duration_ms: float = 0.0
    attempts: Sequence[Mapping[str, Any]] = ()
    changes: Sequence[Mapping[str, Any]] = ()
    wire: str = ""  # that the upstream spoke
    reply_headers: Headers = ()
    reply: Sequence[bytes] | None = ()
    reply_bytes: int = 0
    sent_headers: Headers | None = None
    sent: bytes | None = None
    secrets: Sequence[str] = ()
    packed: bool = False

    @property
    def size(self) -> int:
        return sum(map(len, self.reply or ())) + len(self.sent or b"")


class Pair(NamedTuple):
    """One call of a batch: its beginning, its end, or both; and whether its bodies are kept."""

    opened: Opened | None
    closed: Closed | None
    keep: bool


class Unwritten(Exception):
    """Nothing of a batch was taken. ``for_ever``: nor would it be another time."""

    def __init__(self, why: str, for_ever: bool = False) -> None:
        super().__init__(why)
        self.for_ever = for_ever


class Writes(Protocol):
    """Where the recorder's batches go."""

    def write(self, batch: Sequence[Pair]) -> int:
        """All of it or nothing; an empty one opens the database. Returns how many calls could not be told. Raises Unwritten."""

    def close(self) -> None: ...


def without_bodies(entry: Opened | Closed) -> Opened | Closed:
    """The entry as it is kept where there is no room for more."""
    if isinstance(entry, Opened):
        return replace(entry, call=replace(entry.call, body=b""), packed=False)
    return replace(entry, reply=None, sent=None, packed=False)
