"""A terminal emulator behind a small interface: feed bytes, read the screen.

libghostty-vt through ``pyghostty`` (pinned exactly: both are young). This file is the only one that names it; what the
rest of procy needs is ``Screen``. Rows are counted from 0 at the oldest row still kept (*absolute* rows), so a row keeps
its number while output scrolls, until old rows are dropped; an ``Anchor`` follows its row through resizes as well.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from pyghostty import Terminal
from pyghostty._ffi import check, ffi, lib
from pyghostty.core import init_sized, read_buf, union_fn

from procy.parse.width import display_width

SCROLLBACK_LINES = 20_000
LONGEST_LINE = 500  # rows
SCROLLBACK_BYTES = 256 << 20  # the library's own default is far smaller and silent
TEXT_BYTES = 32 << 10  # of a screen or a line; more is asked for where it is needed
HOME = b"\x1b[H"
GRAPHEMES = b"\x1b[?2027h"  # an emoji of many characters has one place, as in tmux; agents set the cursor behind it
ALTERNATE_ON = re.compile(rb"\x1b\[\?(?:1049|1047|47)h")

_track = union_fn("ghostty_terminal_grid_ref_track", "GhosttyResult(*)(GhosttyTerminal, GhosttyPointS, GhosttyTrackedGridRef*)")

_ref = union_fn("ghostty_terminal_grid_ref", "GhosttyResult(*)(GhosttyTerminal, GhosttyPointS, GhosttyGridRef*)")


class Shade(NamedTuple):
    """How a cell is drawn: ``ground`` is its background colour as a number, 0 for none; ``muted`` is faint or grey; ``tint`` is
    the colour of its character, 0 for the terminal's own."""

    ground: int
    muted: bool
    tint: int = 0


PLAIN = Shade(0, False)
GREYS = (8, 59, 102, 145, *range(240, 251))  # of the 256 colours


class Screen:
    """A terminal of ``columns`` × ``rows`` with its scrollback."""

    def __init__(self, columns: int, rows: int) -> None:
        self._terminal = Terminal(max(columns, 1), max(rows, 1), scrollback=SCROLLBACK_LINES)
        self._handle: Any = self._terminal._t[0]
        limit = ffi.new("size_t*", SCROLLBACK_BYTES)
        check(lib.ghostty_terminal_set(self._handle, lib.GHOSTTY_TERMINAL_OPT_SCROLLBACK_MAX_BYTES, limit), "scrollback")
        self._terminal.feed(GRAPHEMES)
        self._point, self._place, self._style = (
            ffi.new("GhosttyPointS*"),
            init_sized("GhosttyGridRef"),
            init_sized("GhosttyStyle"),
        )
        self._point.tag = lib.GHOSTTY_POINT_TAG_SCREEN
        self._selection, self._options = init_sized("GhosttySelection"), init_sized("GhosttyTerminalSelectionFormatOptions")
        self._options.emit, self._options.trim = lib.GHOSTTY_FORMATTER_FORMAT_PLAIN, True
        self._options.selection = self._selection
        self._short, self._number, self._count = ffi.new("uint16_t*"), ffi.new("int*"), ffi.new("size_t*")
        self._text = ffi.new("uint8_t[]", TEXT_BYTES)  # made once: these are asked for at every look
        self._main = b""  # what the main screen showed when the alternate one was switched on

    # -- in -------------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take bytes as the program wrote them, cut anywhere."""
        if b"\x1b[?" in data and not self.alternate:
            for match in ALTERNATE_ON.finditer(data):
                self._terminal.feed(data[: match.start()])
                self._main = self._format(lib.GHOSTTY_FORMATTER_FORMAT_VT, self._visible(), with_state=True)
                data = data[match.start() :]
                break
        self._terminal.feed(data)

    def resize(self, columns: int, rows: int) -> None:
        if columns > 0 and rows > 0 and (columns, rows) != self.size:
            self._terminal.resize(columns, rows)

    def close(self) -> None:
        self._terminal.close()

    # -- out ------------------------------------------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """(columns, rows)"""
        return self._value(lib.GHOSTTY_TERMINAL_DATA_COLS, self._short), self._value(lib.GHOSTTY_TERMINAL_DATA_ROWS, self._short)

    @property
    def cursor(self) -> tuple[int, int]:
        """(column, row) on the visible screen, from 0."""
        place = lib.GHOSTTY_TERMINAL_DATA_CURSOR_X, lib.GHOSTTY_TERMINAL_DATA_CURSOR_Y
        return self._value(place[0], self._short), self._value(place[1], self._short)

    @property
    def cursor_row(self) -> int:
        """The cursor's absolute row."""
        return self.history_rows + self.cursor[1]

    @property
    def alternate(self) -> bool:
        """Whether the program draws on the alternate screen, which has no scrollback."""
        return bool(self._value(lib.GHOSTTY_TERMINAL_DATA_ACTIVE_SCREEN, self._number))

    @property
    def history_rows(self) -> int:
        """Rows that have scrolled off the top; 0 on the alternate screen."""
        return self._value(lib.GHOSTTY_TERMINAL_DATA_SCROLLBACK_ROWS, self._count)

    def mode(self, number: int) -> bool:
        """A DEC private mode, such as 2004 (bracketed paste) or 25 (cursor visible)."""
        return bool(self._terminal.mode(number))

    def lines(self) -> list[str]:
        """The visible rows from top to bottom, trailing blanks removed."""
        rows = self.size[1]
        return self.rows(self.history_rows, self.history_rows + rows)

    def rows(self, start: int, end: int) -> list[str]:
        """Absolute rows ``start`` to ``end`` (excluded), each as displayed."""
        return self._plain(start, end, unwrap=False, count=end - start)

    def cells(self, row: int, columns: int) -> str:
        """The first columns of an absolute row, blanks at the end included."""
        if columns <= 0:
            return ""
        text = self._selected(0, row, columns - 1, row, unwrap=False)
        return text + " " * max(columns - display_width(text), 0)

    def text(self, start: int, end: int) -> str:
        """Absolute rows ``start`` to ``end`` (excluded) with soft-wrapped rows joined, as one copies it."""
        return "\n".join(self._plain(start, end, unwrap=True, count=0))

    def wraps(self, row: int) -> bool:
        """Whether an absolute row goes on in the next one."""
        return bool(self._row(row, lib.GHOSTTY_ROW_DATA_WRAP, "bool"))

    def line_start(self, row: int, least: int) -> int:
        """The row, ``least`` or below it, where the line begins that has this row; a line is cut after ``LONGEST_LINE`` rows."""
        first = row
        while first > least and row - first < LONGEST_LINE and self.wraps(first - 1):
            first -= 1
        return first if row - first < LONGEST_LINE else row

    def shade(self, row: int, column: int) -> Shade:
        """The style of one cell of an absolute row."""
        point = self._point
        point.value.x, point.value.y = column, row
        if _ref(self._handle, point[0], self._place) or lib.ghostty_grid_ref_style(self._place, self._style):
            return PLAIN
        style = self._style
        muted = bool(style.faint) or is_grey(style.fg_color)
        return Shade(colour_number(style.bg_color), muted, colour_number(style.fg_color))

    def escapes(self) -> bytes:
        """The escape sequences that paint the visible screen, cursor and modes on an empty terminal of this size."""
        picture = self._format(lib.GHOSTTY_FORMATTER_FORMAT_VT, self._visible(), with_state=True)
        if self.alternate:  # the formatter paints from where the cursor is
            picture = self._main + ALTERNATE_ON.sub(lambda switch: switch[0] + HOME, picture, count=1)
        return HOME + picture

    def html(self) -> str:
        """The visible screen as HTML with inline styles."""
        return self._format(lib.GHOSTTY_FORMATTER_FORMAT_HTML, self._visible(), with_state=False).decode()

    def anchor(self, row: int) -> Anchor:
        """A hold on an absolute row that survives scrolling and resizing."""
        return Anchor(self, row)

    # -- libghostty -------------------------------------------------------------------------------------------------

    def _value(self, what: int, box: Any) -> int:
        """A fact of the terminal; ``box`` holds one of its type."""
        check(lib.ghostty_terminal_get(self._handle, what, box), "terminal_get")
        return int(box[0])

    def _plain(self, start: int, end: int, unwrap: bool, count: int) -> list[str]:
        columns, rows = self.size
        end = min(end, self.history_rows + rows)
        if start >= end:
            return [""] * count
        lines = self._selected(0, start, columns - 1, end - 1, unwrap).split("\n")
        return lines + [""] * (count - len(lines))

    def _selected(self, left: int, top: int, right: int, bottom: int, unwrap: bool) -> str:
        self._selection.start = self._cell(left, top)[0]
        self._selection.end = self._cell(right, bottom)[0]
        self._options.unwrap = unwrap
        return self._formatted()

    def _formatted(self) -> str:
        """The selection as text, whose bytes need room that is found by trying."""
        result = lib.ghostty_terminal_selection_format_buf(
            self._handle, self._options[0], self._text, len(self._text), self._count
        )
        if result and self._count[0] > len(self._text):
            self._text = ffi.new("uint8_t[]", 2 * self._count[0])
            return self._formatted()
        check(result, "format")
        return str(ffi.buffer(self._text, self._count[0])[:].decode())

    def _cell(self, column: int, row: int) -> Any:
        """A reference to a cell of an absolute row, until the next one or the next change."""
        self._point.value.x, self._point.value.y = column, row
        check(_ref(self._handle, self._point[0], self._place), "grid_ref")
        return self._place

    def _visible(self) -> Any:
        columns, rows = self.size
        selection = init_sized("GhosttySelection")
        selection.start = self._terminal.ref(0, 0)[0]
        selection.end = self._terminal.ref(columns - 1, rows - 1)[0]
        return selection

    def _format(self, kind: int, selection: Any, with_state: bool) -> bytes:
        options = init_sized("GhosttyFormatterTerminalOptions")
        options.emit = kind
        options.selection = selection
        if with_state:
            options.extra.modes = options.extra.scrolling_region = options.extra.keyboard = True
            screen = options.extra.screen
            screen.cursor = screen.style = screen.hyperlink = screen.charsets = screen.kitty_keyboard = True
        formatter = ffi.new("GhosttyFormatter*")
        check(lib.ghostty_formatter_terminal_new(ffi.NULL, formatter, self._handle, options[0]), "formatter")
        try:
            text = read_buf(lambda buffer, size, out: lib.ghostty_formatter_format_buf(formatter[0], buffer, size, out))
        finally:
            lib.ghostty_formatter_free(formatter[0])
        return str(text).encode("utf-8")

    def _row(self, row: int, what: int, ctype: str) -> Any:
        found = ffi.new("GhosttyRow*")
        check(lib.ghostty_grid_ref_row(self._terminal.ref(0, row, "screen"), found), "row")
        value = ffi.new(f"{ctype}*")
        check(lib.ghostty_row_get(found[0], what, value), "row")
        return value[0]


def colour_number(colour: Any) -> int:
    if colour.tag == lib.GHOSTTY_STYLE_COLOR_PALETTE:
        return int(colour.value.palette) + 1
    if colour.tag == lib.GHOSTTY_STYLE_COLOR_RGB:
        rgb = colour.value.rgb
        return 1000 + int(rgb.r << 16 | rgb.g << 8 | rgb.b)
    return 0


def is_grey(colour: Any) -> bool:
    """Whether a text colour is a grey neither near black nor near white."""
    if colour.tag == lib.GHOSTTY_STYLE_COLOR_PALETTE:
        return int(colour.value.palette) in GREYS
    if colour.tag == lib.GHOSTTY_STYLE_COLOR_RGB:
        shades = (colour.value.rgb.r, colour.value.rgb.g, colour.value.rgb.b)
        return bool(max(shades) - min(shades) <= 8 and 80 <= shades[0] <= 190)
    return False


class Anchor:
    """Follows one row. ``row`` is its absolute number now, or None when the row was erased or dropped."""

    def __init__(self, screen: Screen, row: int) -> None:
        self._screen = screen  # the terminal must outlive what points into it
        point = ffi.new("GhosttyPointS*")
        point.tag = lib.GHOSTTY_POINT_TAG_SCREEN
        point.value.x, point.value.y = 0, row
        self._ref = ffi.new("GhosttyTrackedGridRef*")
        check(_track(screen._handle, point[0], self._ref), "anchor")
        self._free = ffi.gc(self._ref[0], lib.ghostty_tracked_grid_ref_free)

    @property
    def row(self) -> int | None:
        if not lib.ghostty_tracked_grid_ref_has_value(self._ref[0]):
            return None
        where = ffi.new("GhosttyPointCoordinate*")
        if lib.ghostty_tracked_grid_ref_point(self._ref[0], lib.GHOSTTY_POINT_TAG_SCREEN, where):
            return None
        return int(where.y)
