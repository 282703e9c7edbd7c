"""A command for `pipe-pane`: `python -I film.py FILE TTY` writes an asciicast of what comes, stamped, with the sizes of TTY."""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import struct
import sys
import termios
import time


def size_of(tty: str) -> tuple[int, int]:
    try:
        handle = os.open(tty, os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return 0, 0
    rows, columns, *_ = struct.unpack("HHHH", fcntl.ioctl(handle, termios.TIOCGWINSZ, b"\0" * 8))
    os.close(handle)
    return columns, rows


def main(path: str, tty: str) -> None:
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    began = last = time.time()
    size = size_of(tty)
    with open(path, "w", buffering=1) as cast:
        term = {"cols": size[0], "rows": size[1]}
        cast.write(json.dumps({"version": 3, "term": term, "timestamp": int(began), "began_ms": int(began * 1000)}) + "\n")
        while data := os.read(0, 1 << 16):
            now, here = time.time(), size_of(tty)
            if here[0] and here != size:
                size = here
                cast.write(json.dumps([0, "r", f"{size[0]}x{size[1]}"]) + "\n")
            if text := decode(data):
                cast.write(json.dumps([round(now - last, 4), "o", text], ensure_ascii=False) + "\n")
                last = now


if __name__ == "__main__":
    main(*sys.argv[1:])
