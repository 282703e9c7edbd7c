"""Where a stream of terminal bytes can be cut without tearing a character or an escape sequence."""

import re

LONGEST = 4096  # bytes of a sequence that is waited for; titles and links are shorter, and pictures need not be whole
BEGUN = re.compile(rb"\x1b(?:\[[\x20-\x3f]*|[\x20-\x2f]*|[\]PX^_][^\x07]*)\Z", re.DOTALL)


def unfinished(data: bytes) -> int:
    """How many bytes at the end begin something that is not all there."""
    escape = data.rfind(b"\x1b", max(len(data) - LONGEST, 0))
    if escape >= 0 and BEGUN.match(data, escape):
        return len(data) - escape
    for back in range(1, min(len(data), 3) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            return 0
    return 0
