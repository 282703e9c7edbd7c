"""Bodies as they are under their content encoding; of a body that broke off, as much as there is."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import zstandard

LARGEST = 256 << 20  # bytes of a decoded body: a bomb is not looked into


class Undecodable(Exception):
    """The encoding is not known here, or the bytes are not of it."""


def decoded(data: bytes, encoding: str) -> bytes:
    """Raises Undecodable."""
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name not in ("", "identity"):
            data = one(data, name)
    return data


def one(data: bytes, name: str) -> bytes:
    try:
        return opened(name, data)
    except (zlib.error, zstandard.ZstdError, ValueError) as error:
        raise Undecodable(f"{name}: {error}") from error


def opened(name: str, data: bytes) -> bytes:
    if name in ("gzip", "x-gzip"):
        return zlib.decompressobj(31).decompress(data, LARGEST)
    if name == "deflate":
        raw = bool(data) and (data[0] & 15 != 8 or (data[0] << 8 | data[1] if len(data) > 1 else 0) % 31 != 0)
        return zlib.decompressobj(-15 if raw else 15).decompress(data, LARGEST)
    if name == "zstd":
        return b"".join(pieces(zstandard.ZstdDecompressor().decompressobj(), data))
    if name == "br" and (brotli := brotli_decoder()):
        return brotli(data)
    raise Undecodable(f"unknown encoding {name}")


def pieces(decoder: Any, data: bytes, step: int = 1 << 16) -> list[bytes]:
    found, size = [], 0
    for place in range(0, len(data), step):
        found.append(decoder.decompress(data[place : place + step]))
        size += len(found[-1])
        if size > LARGEST or getattr(decoder, "eof", False):
            break
    return found


def brotli_decoder() -> Callable[[bytes], bytes] | None:
    """None where the library is not installed."""
    try:
        import brotli
    except ImportError:
        return None

    def decode(data: bytes) -> bytes:
        try:
            return bytes(brotli.Decompressor().process(data))
        except brotli.error as error:
            raise ValueError(str(error)) from error

    return decode
