"""Reading terminal streams: the emulator and the whole reader beside pyte."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from bench.streams import plain, tui
from bench.table import table
from procy.parse.screen import Screen
from procy.parse.terminal import TerminalReader
from procy.types import Picture, Read

SIZE = 24 << 20
PYTE_SIZE = 1 << 20  # pyte gets a part of it: the rest would take minutes


def run() -> None:
    for kind, stream in {"tui": tui(SIZE), "plain": plain(SIZE)}.items():
        figures = {
            "pyte": speed(with_pyte, stream[:PYTE_SIZE]),
            "procy: emulator": speed(with_screen, stream),
            "procy: reader (turns, states, texts)": speed(with_reader, stream),
        }
        base = figures["pyte"]
        rows = [[name, f"{value / 1e6:.1f} MB/s", f"{value / base:.0f} ×"] for name, value in figures.items()]
        table(f"reading a {kind} stream", ("with", "median of 3", "to pyte"), rows, "emulator ≥ 50 × pyte")


def speed(read: Callable[[bytes], None], stream: bytes) -> float:
    """Bytes a second."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        read(stream)
        seconds.append(time.perf_counter() - started)
    return len(stream) / statistics.median(seconds)


def with_pyte(stream: bytes) -> None:
    import pyte

    feed = pyte.ByteStream(pyte.Screen(120, 40)).feed
    for start in range(0, len(stream), 65536):
        feed(stream[start : start + 65536])


def with_screen(stream: bytes) -> None:
    screen = Screen(120, 40)
    for start in range(0, len(stream), 65536):
        screen.feed(stream[start : start + 65536])


def with_reader(stream: bytes) -> None:
    reader = TerminalReader(Picture(120, 40, b""))
    for start in range(0, len(stream), 65536):
        reader.feed(Read(start * 1000, start, 120, 40, stream[start : start + 65536]))
