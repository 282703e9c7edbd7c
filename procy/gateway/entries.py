"""What the plane tells the recorder about a call: at its beginning, and at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procy.gateway.call import Call, Headers


@dataclass(frozen=True, slots=True)
class Opened:
    """``packed``: its body is compressed while it waits."""

    call: Call
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
