"""A program in a pane that keeps a copy of what it printed: ``python program.py FOLDER SEED SECONDS``. Standard library only.

It prints like an agent: turns with OSC 133 marks, numbered lines, colours, frames that are drawn over, pauses and bursts.
``FOLDER/copy`` has every byte before the terminal gets it. It begins when ``FOLDER/go`` is there, makes ``FOLDER/done`` when it
has printed everything, and ends when ``FOLDER/quit`` is there.
"""

import os
import random
import sys
import time
import tty
from pathlib import Path

WORDS = "the quick brown fox jumps over a lazy dog while tests run and files change in many small steps".split(" ")  # noqa: SIM905
LONGEST_S = 600.0  # nobody came
BURST = 0.04  # of the turns print much at once
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def turn(number: int, chance: random.Random) -> list[bytes]:
    """One turn in the pieces in which it is printed. No two lines of a program are the same."""
    pieces = [b"\x1b]133;A\x07$ \x1b]133;B\x07", f"ask {number}\r\n".encode() + b"\x1b]133;C\x07"]
    count = chance.randint(1500, 4000) if chance.random() < BURST else chance.randint(3, 60)
    lines = [f"{number}.{place} \x1b[3{place % 8}m{' '.join(chance.choices(WORDS, k=6))}\x1b[0m\r\n" for place in range(count)]
    while lines:
        some = chance.choice((1, 5, 20, 400))
        pieces.append("".join(lines[:some]).encode())
        lines = lines[some:]
        if chance.random() < 0.3:
            pieces.append(f"\x1b[?2026h\r\x1b[K{chance.choice(SPINNER)} {number} Working… 漢字\r\x1b[K\x1b[?2026l".encode())
    pieces.append(f"end of {number}\r\n".encode() + b"\x1b]133;D;0\x07")
    return pieces


def put(data: bytes, copy: int) -> None:
    os.write(copy, data)
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    folder, chance, seconds = Path(sys.argv[1]), random.Random(sys.argv[2]), float(sys.argv[3])
    tty.setraw(1)
    copy = os.open(folder / "copy", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    began = time.monotonic()
    while not (folder / "go").exists():
        time.sleep(0.01)
        if time.monotonic() - began > LONGEST_S:
            return
    began, number = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        number += 1
        for piece in turn(number, chance):
            put(piece, copy)
            time.sleep(chance.choice((0.0, 0.0, 0.002, 0.01)))
        time.sleep(chance.choice((0.02, 0.1, 0.2)))
    (folder / "done").touch()
    while not (folder / "quit").exists() and time.monotonic() - began < LONGEST_S:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
