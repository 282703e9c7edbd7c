"""What stands in a composer that has a bar at its left side, as OpenCode 1.18.33 draws it::

      ┃
      ┃  the text, in as many rows as it needs
      ┃
      ┃  Build · the model
      ╹▀▀▀▀▀▀▀▀▀

Bar and text may stand anywhere in the row. The conversation's prompts have a bar too, but nothing below it.
"""

from collections.abc import Sequence

BAR, FOOT = "┃", "╹"
ABOVE, BELOW = 1, 2  # rows within the bar that are no text
GAP = 2  # blanks between the bar and the text


def boxed_rows(plain: Sequence[str], row: int) -> tuple[range, int] | None:
    """The rows of the text and its first column, of the composer that has the given row; None where none has."""
    if not 0 <= row < len(plain):
        return None
    column = plain[row].find(BAR)
    if column < 0 or plain[row][:column].strip():
        return None

    def has_bar(place: int) -> bool:
        return plain[place][column : column + 1] == BAR

    first = last = row
    while first and has_bar(first - 1):
        first -= 1
    while last + 1 < len(plain) and has_bar(last + 1):
        last += 1
    is_composer = last + 1 < len(plain) and plain[last + 1][column : column + 1] == FOOT
    rows = range(first + ABOVE, last + 1 - BELOW)
    return (rows, column + len(BAR) + GAP) if is_composer and row in rows else None
