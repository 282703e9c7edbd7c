"""An agent's text as HTML that cannot do harm: everything escaped, and only what reads better marked up.

Not Markdown: the lines stay the agent's lines. Fenced code and tables become blocks of fixed width; code spans, bold,
headings and http links are shown as such. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import east_asian_width

from markupsafe import Markup, escape

FENCE = re.compile(
    r"^[ \t]*(`{3,}(?!`)|~{3,}(?!~))([^`\n]*)\n(.*?)(?:^[ \t]*\1[`~]*[ \t]*(?:\n|\Z)|\Z)", re.MULTILINE | re.DOTALL
)
TABLE = re.compile(r"(?:^[ \t]*\|[^\n]*(?:\n|\Z)){2,}", re.MULTILINE)
INLINE = re.compile(
    r"(?P<code>`[^`\n]+`)"
    r"|(?P<bold>\*\*[^\s*](?:[^*\n]*[^\s*])?\*\*)"
    r"|(?P<link>\bhttps?://[^\s<>\"'`|\\^{}]+)"
    r"|(?P<heading>^#{1,6} [^\n]+$)",
    re.MULTILINE,
)
MATCH = re.compile("\x01([^\x01\x02]*)\x02")
JSON_MARK = re.compile(
    r"""(?P<next>"?[}\]]*\n[{\[]*"?|"\s*,\s*")|(?P<value>"\s*:\s*"?)|\\u(?P<code>[0-9a-fA-F]{4})|\\(?P<escaped>.)|[{\[]+"|"[}\]]*""",
    re.DOTALL,
)
AFTER_LINK = ".,;:!?)]*_"


def prose(text: str) -> Markup:
    """Blocks of ``text`` in order."""
    return Markup("").join(blocks(text))


def blocks(text: str) -> Iterator[Markup]:
    place = 0
    for match in FENCE.finditer(text):
        yield from paragraphs(text[place : match.start()])
        yield Markup('<pre class="code">{}</pre>').format(match[3].rstrip("\n"))
        place = match.end()
    yield from paragraphs(text[place:])


def paragraphs(text: str) -> Iterator[Markup]:
    place = 0
    for match in TABLE.finditer(text):
        yield from paragraph(text[place : match.start()])
        yield Markup('<pre class="code grid">{}</pre>').format(aligned(match[0]))
        place = match.end()
    yield from paragraph(text[place:])


def aligned(table: str) -> str:
    """A Markdown table with its columns under each other, without the line of dashes."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.strip().split("\n")]
    rows = [row for row in rows if not all(re.fullmatch(r":?-+:?", cell) for cell in row)]
    count = max((len(row) for row in rows), default=0)
    widths = [max(width(row[column]) if column < len(row) else 0 for row in rows) for column in range(count)]
    return "\n".join(
        "  ".join(cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=False)).rstrip() for row in rows
    )


def width(text: str) -> int:
    """Columns in a font of fixed width."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def paragraph(text: str) -> Iterator[Markup]:
    text = text.strip("\n")
    if text.strip():
        yield Markup('<div class="text">{}</div>').format(inline(text))


def inline(text: str) -> Markup:
    parts: list[Markup] = []
    place = 0
    for match in INLINE.finditer(text):
        parts.append(escape(text[place : match.start()]))
        parts.append(marked(match))
        place = match.end()
    parts.append(escape(text[place:]))
    return Markup("").join(parts)


def marked(match: re.Match[str]) -> Markup:
    text = match[0]
    if match["code"]:
        return Markup("<code>{}</code>").format(text[1:-1])
    if match["bold"]:
        return Markup("<strong>{}</strong>").format(text[2:-2])
    if match["heading"]:
        return Markup("<strong>{}</strong>").format(inline(text.lstrip("# ")))
    address = text.rstrip(AFTER_LINK)
    return Markup('<a href="{0}" rel="noreferrer noopener" target="_blank">{0}</a>{1}').format(address, text[len(address) :])


def highlighted(snippet: str | None) -> Markup:
    """A search result's snippet: matches stand between \\x01 and \\x02."""
    text = MATCH.sub(r"<mark>\1</mark>", str(escape(" ".join((snippet or "").split()))))
    return Markup(text.replace("\x01", "").replace("\x02", ""))


def json_words(snippet: str) -> str:
    """A piece of JSON as one reads it: without its quotes and brackets."""
    return JSON_MARK.sub(json_word, snippet)


def json_word(mark: re.Match[str]) -> str:
    if mark["code"]:
        return chr(int(mark["code"], 16))
    if mark["escaped"]:
        return " " if mark["escaped"] in "nrt" else mark["escaped"]
    return ": " if mark["value"] else " · " if mark["next"] else ""


def diff_lines(diff: str) -> Iterator[tuple[str, str]]:
    """(kind, line) of a unified diff; kinds: add, del, at, and "" for context."""
    for line in diff.rstrip("\n").split("\n"):
        kind = {"+": "add", "-": "del", "@": "at"}.get(line[:1], "")
        yield ("" if line.startswith(("+++ ", "--- ")) else kind), line
