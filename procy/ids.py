"""Ids: 26 characters of Crockford's base 32, ULID-shaped, so that text order is time order.

A *new* id has random low bits; a *derived* id has the hash of its source keys there, so deriving the same row twice
gives the same id. Source of the form: the ULID specification (48 bits of milliseconds, 80 bits of the rest).
"""

import hashlib

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def encode(milliseconds: int, rest: bytes) -> str:
    """26 characters for a time in ms since 1970 and 10 bytes."""
    number = (max(milliseconds, 0) & (1 << 48) - 1) << 80 | int.from_bytes(rest, "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def new_id(time_ns: int, random: bytes) -> str:
    """An id for something that has no source but itself: a session, a correction. ``random`` is 10 bytes."""
    return encode(time_ns // 1_000_000, random)


def derived_id(time_ns: int, *keys: str) -> str:
    """The id of a derived row: same time and keys, same id."""
    digest = hashlib.sha256("\x1f".join(keys).encode("utf-8", "surrogatepass")).digest()
    return encode(time_ns // 1_000_000, digest[:10])
