"""Bodies that wait long for the recorder, made small: an agent's shrink to a quarter and less."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import zstandard

from procy.gateway.entries import Closed, Opened

Entry = TypeVar("Entry", Opened, Closed)

LEVEL = 1
LEAST = 512  # bytes; less does not become smaller by much
MOST = 2 << 20  # bytes; more would hold up the calls beside it for milliseconds


class Packer:
    """For one thread: compressing keeps its own memory between bodies."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)

    def packed(self, entry: Opened | Closed) -> Opened | Closed:
        """The same entry, of which ``unpacked`` makes the very bytes again."""
        if not LEAST <= entry.size <= MOST:
            return entry
        press = self._compressor.compress
        if isinstance(entry, Opened):
            return replace(entry, call=replace(entry.call, body=press(entry.call.body)), packed=True)
        reply = [press(b"".join(entry.reply))] if entry.reply else entry.reply
        return replace(entry, reply=reply, sent=None if entry.sent is None else press(entry.sent), packed=True)


def unpacked(entry: Entry) -> Entry:
    if not entry.packed:
        return entry
    unpress = zstandard.ZstdDecompressor().decompress
    if isinstance(entry, Opened):
        return replace(entry, call=replace(entry.call, body=unpress(entry.call.body)), packed=False)
    reply = [unpress(entry.reply[0])] if entry.reply else entry.reply
    return replace(entry, reply=reply, sent=None if entry.sent is None else unpress(entry.sent), packed=False)


def without_request(entry: Opened | Closed) -> Opened | Closed:
    """Of an end only what the beginning has not brought already: else it would hold the body that is packed or left out there."""
    return replace(entry, call=replace(entry.call, body=b"")) if isinstance(entry, Closed) else entry
