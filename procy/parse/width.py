"""How many columns a terminal gives a text."""

import unicodedata

JOINERS = "\u200d\ufe0e\ufe0f"


def display_width(text: str) -> int:
    """None for combining marks and what joins emoji, two for wide characters, else one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) or one in JOINERS else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text
    )
