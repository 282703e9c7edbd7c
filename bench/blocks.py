"""Terminal bytes at rest: what a block takes of what came, with its times and the screen it begins with."""

from __future__ import annotations

from bench.streams import plain, tui
from bench.table import megabytes, table
from procy.parse.screen import Screen
from procy.store.blobs import BLOCK_BYTES, pack_block
from procy.types import Picture, Read

SIZE = 20 << 20
READ_BYTES = 2000  # a frame


def run() -> None:
    rows = []
    for kind, stream in {"tui": tui(SIZE), "plain": plain(SIZE)}.items():
        screen, kept = Screen(120, 40), 0
        for start in range(0, len(stream), BLOCK_BYTES):
            part = stream[start : start + BLOCK_BYTES]
            reads = [
                Read((start + place) * 50_000, start + place, 120, 40, part[place : place + READ_BYTES])
                for place in range(0, len(part), READ_BYTES)
            ]
            block = pack_block(reads, Picture(120, 40, screen.escapes()))
            kept += len(block.data) + len(block.reads) + len(block.screen)
            screen.feed(part)
        rows.append([kind, megabytes(len(stream)), megabytes(kept), f"{kept / len(stream):.3f}"])
    table("terminal blocks", ("stream", "raw", "in the database", "ratio"), rows, "≤ 0.1 (TUI), ≤ 0.25 (plain)")
