"""Code blocks of an answer. Pure."""

from __future__ import annotations

from typing import NamedTuple

from markdown_it import MarkdownIt


class Code(NamedTuple):
    """A fenced block; ``language`` is the first word after its fence."""

    language: str
    text: str


def code_blocks(answer: str) -> list[Code]:
    """In order, also those in lists and quotes."""
    tokens = MarkdownIt("commonmark").parse(answer)
    return [Code((token.info.split() or [""])[0], token.content.rstrip("\n")) for token in tokens if token.type == "fence"]
