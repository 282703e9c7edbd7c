"""Texts to search in: whole lines, so that secrets are seen whole."""

from __future__ import annotations

from procy.parse.redact import mask
from procy.parse.texts import TerminalText
from procy.types import Picture, Read
from tests.parse.casts import tell
from tests.parse.test_redact import KEY, KEY_LINES

SECRET = "sk-ant-api03-" + "Qw3rTy7uIo" * 9


def texts_of(*parts: bytes, columns: int = 40, rows: int = 10) -> list[TerminalText]:
    """The texts of output that came in parts, a second apart."""
    reads, offset = [], 0
    for number, part in enumerate(parts, 1):
        reads.append(Read(number * 1_000_000_000, offset, columns, rows, part))
        offset += len(part)
    reader = tell(Picture(columns, rows, b""), reads)
    reader.texts.end(offset)
    return reader.texts.take()


def masked(texts: list[TerminalText]) -> str:
    return "\n".join(mask(one.text) for one in texts)


def test_a_secret_that_wraps_is_one_word() -> None:
    lines = b"".join(b"line %d\r\n" % number for number in range(8))
    for secret in (SECRET, "ghp_" + "Ab3dEf7hIj" * 4):
        for around in ((b"", b""), (lines * 2, b""), (b"", lines * 2), (b"", lines), (b"\x1b[?1049h\x1b[H", b"")):
            text = masked(texts_of(around[0] + b"export KEY=" + secret.encode() + b"\r\n", around[1]))
            assert "[redacted:" in text and secret[-10:] not in text, around


def test_a_line_that_leaves_the_screen_row_by_row_is_told_whole_and_once() -> None:
    long = b"begin " + b"word " * 60 + b"end"
    text = masked(texts_of(long + b"\r\n", *[b"next\r\n"] * 12))
    assert text.count("begin word") == 1 and text.split("\n")[0] == long.decode()
    assert text.count("next") == 12


def test_a_key_goes_into_one_text() -> None:
    """Whatever is told before it: the rest of a key is never told without its beginning."""
    data = KEY.replace("\n", "\r\n").encode() + b"\r\n"
    for lines in (60, 64, 70, 75):
        before = b"".join(b"line %03d of what was printed before, to fill the screen\r\n" % number for number in range(lines))
        for cut in range(0, len(data), 331):
            text = masked(texts_of(before, data[:cut], data[cut:], b"after\r\n" * 200, columns=80, rows=12))
            assert not any(line in text for line in KEY_LINES), (lines, cut)
            assert text.count("[redacted:private-key]") == 1 and text.count("after") == 200


def test_much_output_keeps_whole_lines_of_its_beginning_and_end() -> None:
    lines = b"".join(b"line %06d\r\n" % number for number in range(40_000))
    text = masked(texts_of(lines))
    lines = b"".join(b"line %06d\r\n" % number for number in range(3_000))
    assert masked(texts_of(b"one\r\ntwo\r\nthree\r\n", lines)).split("\n")[:5] == [
        "one",
        "two",
        "three",
        "line 000000",
        "line 000001",
    ]
    assert text.startswith("line 000000\n") and text.endswith("line 039999")
    assert {len(line) for line in text.split("\n")} == {11} and len(text) < 80_000
