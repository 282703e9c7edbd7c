"""A JPEG decoder: whether its pictures are right, and how many steps Python takes for a pixel.

``decoder.py`` has ``decode(data) -> (width, height, rows of samples)`` for grey baseline JPEG files. A step is an instruction of
Python's own machine, counted by its trace function: the same on every machine with the same Python. Pictures differ by
``PROCY_SEED`` in the stage ``confirm``.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import CodeType, FrameType
from typing import Any

VISIBLE = 1  # the seed of the pictures that everybody may see
SIZES = ((8, 8), (13, 7))

# -- a small encoder, by ITU-T T.81: its coefficients are the truth ---------------------------------------------------------

QUANTITIES = [  # table K.1 of the standard, row by row
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87,
    80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
]  # fmt: skip
ZIGZAG = sorted(range(64), key=lambda at: (at // 8 + at % 8, at // 8 if (at // 8 + at % 8) % 2 else at % 8))
COSINES = [
    [(math.sqrt(0.5) if u == 0 else 1.0) / 2 * math.cos((2 * x + 1) * u * math.pi / 16) for u in range(8)] for x in range(8)
]
COUNTS = {0: "0 1 5 1 1 1 1 1 1 0 0 0 0 0 0 0", 1: "0 2 1 3 3 2 4 3 5 5 4 4 0 0 1 125"}  # tables K.3 and K.5: codes by length
USUAL = bytes.fromhex("01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282")  # in the order of their codes
SYMBOLS = {
    0: bytes(range(12)),
    1: USUAL + bytes(sorted({16 * run + size for run in range(16) for size in range(1, 11)} - {*USUAL})),
}


def picture(width: int, height: int, rng: Random) -> list[list[int]]:
    """A slope, an edge and a disc."""
    slope, edge = rng.uniform(-6, 6), rng.uniform(0.3, 0.8) * width
    x0, y0, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(2, 6)

    def grey(x: int, y: int) -> int:
        value = 128 + slope * (x - y) + (60 if x > edge else 0) - (90 if math.hypot(x - x0, y - y0) < radius else 0)
        return min(255, max(0, round(value)))

    return [[grey(x, y) for x in range(width)] for y in range(height)]


def transformed(block: list[list[int]]) -> list[int]:
    """Quantised coefficients of 8 × 8 samples, row by row."""
    return [
        round(
            sum((block[y][x] - 128) * COSINES[y][v] * COSINES[x][u] for y in range(8) for x in range(8)) / QUANTITIES[8 * v + u]
        )
        for v in range(8)
        for u in range(8)
    ]


def restored(quantised: list[int]) -> list[list[float]]:
    """The samples that these coefficients stand for, exactly."""
    values = [(at // 8, at % 8, value * QUANTITIES[at]) for at, value in enumerate(quantised) if value]
    return [
        [min(255.0, max(0.0, 128 + sum(value * COSINES[y][v] * COSINES[x][u] for v, u, value in values))) for x in range(8)]
        for y in range(8)
    ]


def codes(kind: int) -> dict[int, tuple[int, int]]:
    """Symbol → (length, code)."""
    found, code, symbols = {}, 0, iter(SYMBOLS[kind])
    for length, count in enumerate(map(int, COUNTS[kind].split()), 1):
        for _ in range(count):
            found[next(symbols)] = (length, code)
            code += 1
        code <<= 1
    return found


class Writer:
    """Bits of the picture's data."""

    def __init__(self) -> None:
        self.text = ""
        self.codes = {kind: codes(kind) for kind in COUNTS}

    def put(self, kind: int, run: int, value: int) -> None:
        size = abs(value).bit_length()
        length, code = self.codes[kind][16 * run + size]
        self.text += f"{code:0{length}b}"
        if size:
            self.text += f"{value if value > 0 else value + (1 << size) - 1:0{size}b}"

    def block(self, quantised: list[int], before: int) -> None:
        self.put(0, 0, quantised[0] - before)
        run = 0
        for place in ZIGZAG[1:]:
            if quantised[place] == 0:
                run += 1
                continue
            while run > 15:
                self.put(1, 15, 0)
                run -= 16
            self.put(1, run, quantised[place])
            run = 0
        if run:
            self.put(1, 0, 0)

    def data(self) -> bytes:
        text = self.text + "1" * (-len(self.text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00") if text else b""


def encoded(samples: list[list[int]]) -> tuple[bytes, list[list[float]]]:
    """A JPEG file, and the picture that it holds."""
    height, width = len(samples), len(samples[0])
    writer, before = Writer(), 0
    truth = [[0.0] * width for _ in range(height)]
    for top in range(0, height, 8):
        for left in range(0, width, 8):
            block = [[samples[min(top + y, height - 1)][min(left + x, width - 1)] for x in range(8)] for y in range(8)]
            quantised = transformed(block)
            writer.block(quantised, before)
            before = quantised[0]
            for y, row in enumerate(restored(quantised)[: height - top]):
                truth[top + y][left : left + 8] = row[: width - left]
    tables = [segment(0xC4, bytes([16 * kind, *map(int, COUNTS[kind].split())]) + SYMBOLS[kind]) for kind in COUNTS]
    head = [
        b"\xff\xd8",
        segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        segment(0xDB, bytes([0, *(QUANTITIES[at] for at in ZIGZAG)])),
        segment(0xC0, bytes([8, *divmod(height, 256), *divmod(width, 256), 1, 1, 0x11, 0])),
        *tables,
        segment(0xDA, bytes([1, 1, 0, 0, 63, 0])),
    ]
    return b"".join(head) + writer.data() + b"\xff\xd9", truth


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker, *divmod(len(content) + 2, 256)]) + content


# -- measuring --------------------------------------------------------------------------------------------------------------


class Steps:
    """Counts what Python executes, by function, while it is entered."""

    def __init__(self) -> None:
        self.by_code: Counter[CodeType] = Counter()

    def __enter__(self) -> Steps:
        sys.settrace(self.call)
        return self

    def __exit__(self, *_: object) -> None:
        there = sys.gettrace()
        sys.settrace(None)
        if there != self.call:
            raise ValueError("the decoder switched the counting off")

    def call(self, frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self.step

    def step(self, frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        if event == "opcode":
            self.by_code[frame.f_code] += 1
        return self.step

    @property
    def total(self) -> int:
        return sum(self.by_code.values())

    def shares(self) -> list[str]:
        """The functions that cost, the dearest first, in words."""
        names: Counter[str] = Counter()
        for code, count in self.by_code.items():
            names[code.co_name] += count
        return [f"{name} {100 * count / max(self.total, 1):.0f} %" for name, count in names.most_common(4)]


def error_of(decoded: Any, truth: list[list[float]]) -> float:
    """The largest difference, in grey levels. Raises ValueError where the size is another."""
    width, height, rows = decoded
    if (width, height) != (len(truth[0]), len(truth)) or [len(row) for row in rows] != [width] * height:
        raise ValueError(f"a picture of {len(truth[0])} × {len(truth)} came back as {width} × {height}")
    return max(
        abs(value - right) for row, wanted in zip(rows, truth, strict=True) for value, right in zip(row, wanted, strict=True)
    )


def measure(decode: Callable[[bytes], Any], seed: int) -> dict[str, Any]:
    rng, steps = Random(f"pictures {seed}"), Steps()
    instances, seconds, pixels = {}, 0.0, 0
    for width, height in SIZES:
        data, truth = encoded(picture(width, height, rng))
        before = steps.total
        with steps:
            decoded = decode(data)
        began = time.perf_counter()
        decode(data)
        seconds += time.perf_counter() - began
        pixels += width * height
        instances[f"{width} × {height}"] = {
            "steps": steps.total - before, "bytes": len(data), "error": round(error_of(decoded, truth), 3),
        }  # fmt: skip
    metrics = {
        "error": max(one["error"] for one in instances.values()),
        "steps_per_pixel": round(steps.total / pixels, 1),
        "pixels_per_s": round(pixels / max(seconds, 1e-9)),
    }
    return {"metrics": metrics, "instances": instances, "feedback": [{"where the steps go": steps.shares()}]}


def load() -> Any:
    spec = importlib.util.spec_from_file_location("decoder", "decoder.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    seed = int(os.environ.get("PROCY_SEED") or VISIBLE) if os.environ.get("PROCY_STAGE") == "confirm" else VISIBLE
    try:
        result = {"schema": 1, "valid": True, **measure(load().decode, seed)}
    except Exception as error:  # noqa: BLE001 whatever is wrong with it
        result = {"schema": 1, "valid": False, "metrics": {}, "feedback": [f"{type(error).__name__}: {error}"]}
    Path(os.environ["PROCY_OUT"]).write_text(json.dumps(result), encoding="utf-8")
    return 0 if result["valid"] else 10


if __name__ == "__main__":
    sys.exit(main())
