"""Terminal streams to measure with: a plain log, and the redraws of an agent's interface."""

from __future__ import annotations

import random

WORDS = "the quick brown fox jumps over a lazy dog while tests run and files change in many small steps".split(" ")  # noqa: SIM905


def plain(size: int, seed: int = 1) -> bytes:
    """Lines of a build log, coloured here and there."""
    chance = random.Random(seed)
    lines, total = [], 0
    while total < size:
        text = " ".join(chance.choices(WORDS, k=chance.randint(4, 14)))
        line = f"\x1b[32m{chance.randint(0, 99999):05d}\x1b[0m {text}\r\n".encode()
        lines.append(line)
        total += len(line)
    return b"".join(lines)[:size]


def tui(size: int, seed: int = 2) -> bytes:
    """Frames as an agent draws them at ten a second: erase, redraw in colours, box, spinner, now and then a line that stays."""
    chance = random.Random(seed)
    frames, total, height = [], 0, 8
    while total < size:
        body = [
            f"\x1b[38;2;{chance.randint(80, 255)};120;200m{' '.join(chance.choices(WORDS, k=9))}\x1b[0m 漢字 👍"
            for _ in range(height - 4)
        ]
        box = ["\x1b[2m" + "─" * 100 + "\x1b[0m", f"❯ {'x' * chance.randint(0, 40)}", "\x1b[2m" + "─" * 100 + "\x1b[0m"]
        spinner = f"{chance.choice('⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏')} Working… ({total // 2000}s · esc to interrupt)"
        stays = f"\x1b[1m● {' '.join(chance.choices(WORDS, k=12))}\x1b[0m\r\n" if chance.random() < 0.2 else ""
        frame = "\x1b[?2026h" + f"\x1b[{height}A\r\x1b[J" + stays + "\r\n".join([*body, spinner, *box, ""]) + "\x1b[?2026l"
        data = frame.encode()
        frames.append(data)
        total += len(data)
    return b"".join(frames)[:size]
