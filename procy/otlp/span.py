"""A span before it is bytes, and the ids that it has on every export."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Value = str | int | float | bool | Sequence[str]
Kind = Literal["internal", "client"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """``row`` is the id of the row that it tells of. ``parent`` and ``links``: ids as bytes; ``error``: its class, or ""."""

    row: str
    trace: bytes
    id: bytes
    parent: bytes = b""
    name: str
    kind: Kind = "internal"
    started_ns: int
    ended_ns: int
    attributes: Mapping[str, Value] = field(default_factory=dict)
    links: Sequence[tuple[bytes, bytes]] = ()  # (trace, span)
    error: str = ""
    message: str = ""  # what the error said


@dataclass(frozen=True, slots=True)
class Group:
    """Spans of one resource."""

    resource: Mapping[str, Value]
    spans: Sequence[Span]


def trace_id(root_session_id: str) -> bytes:
    """16 bytes, never all zero: the same for the same session on every export."""
    return hashlib.sha256(f"procy trace {root_session_id}".encode()).digest()[:16]


def span_id(row_id: str) -> bytes:
    """8 bytes, likewise."""
    return hashlib.sha256(f"procy span {row_id}".encode()).digest()[:8]
