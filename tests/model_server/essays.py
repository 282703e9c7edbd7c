"""Answers as long and as mixed as those of real models: pure functions of a number, for recordings of screens."""

from __future__ import annotations

import random

WORDS = [
    "the", "parser", "reads", "every", "line", "and", "keeps", "what", "it", "has", "seen", "so", "far", "because",
    "a", "screen", "is", "only", "ever", "a", "part", "of", "the", "whole", "text", "when", "a", "terminal", "wraps",
    "words", "the", "reader", "joins", "them", "again", "unless", "two", "lines", "were", "two", "lines", "before",
    "it", "asks", "whether", "their", "next", "word", "would", "have", "had", "room", "then", "it", "goes", "on",
    "with", "tables", "lists", "code", "headings", "quotes", "numbers", "and", "signs", "of", "many", "kinds",
]  # fmt: skip
SIGNS = ("漢字", "naïve", "🙂", "→", "한국어", "Ω", "3.14", "v2.0", "a/b.py", "--flag", "x == y", "50 %", "[1]", "(see below)")
CODE = (
    "def add(a, b):\n    return a + b\n\n\nclass Tree:\n    def __init__(self):\n        self.leaves = []",
    "for (const one of many) {\n  if (one) {\n    run(one);\n  }\n}\n});",
    "$ ls -la\n> not a prompt\n❯ nor is this\n• and this is no bullet\n  esc to interrupt",
    "key = value\n\n[section]\n# Thinking of a name\nlist = [\n    1,\n    2,\n]",
)


def plain(number: int) -> str:
    """Paragraphs without Markdown: long ones that wrap, short ones, and lines that follow each other."""
    chance = random.Random(f"plain {number}")
    parts = []
    for _ in range(chance.randint(4, 7)):
        kind = chance.choice(("long", "long", "short", "lines"))
        if kind == "lines":
            parts.append("\n".join(_sentence(chance, chance.randint(3, 9)) for _ in range(chance.randint(2, 4))))
        else:
            parts.append(_sentence(chance, chance.randint(40, 90) if kind == "long" else chance.randint(2, 14)))
    return "\n\n".join(parts)


def mixed(number: int) -> str:
    """Markdown of every kind."""
    chance = random.Random(f"mixed {number}")
    kinds = [_heading, _bullets, _numbered, _table, _code, _quote, _emphasis, _prose]
    chance.shuffle(kinds)
    return "\n\n".join([_prose(chance), *(kind(chance) for kind in kinds), _sentence(chance, 6)])


def long(number: int) -> str:
    """So many numbered lines, and what they are about."""
    chance = random.Random(f"long {number}")
    return "\n".join(f"{place:03d} {_sentence(chance, chance.randint(2, 12))}" for place in range(1, number + 1))


def _sentence(chance: random.Random, words: int) -> str:
    chosen = [chance.choice(SIGNS) if chance.random() < 0.06 else chance.choice(WORDS) for _ in range(words)]
    return f"{chosen[0].capitalize()} {' '.join(chosen[1:])}."


def _prose(chance: random.Random) -> str:
    return _sentence(chance, chance.randint(15, 60))


def _heading(chance: random.Random) -> str:
    return f"{'#' * chance.randint(1, 3)} {_sentence(chance, 4)[:-1]}\n\n{_prose(chance)}"


def _bullets(chance: random.Random) -> str:
    lines = [f"- {_sentence(chance, chance.choice((4, 8, 30)))}" for _ in range(chance.randint(3, 5))]
    lines.insert(2, f"    - {_sentence(chance, 5)}")
    return "\n".join(lines)


def _numbered(chance: random.Random) -> str:
    return "\n".join(f"{place}. {_sentence(chance, chance.choice((3, 7, 28)))}" for place in range(1, chance.randint(4, 6)))


def _table(chance: random.Random) -> str:
    rows = [[chance.choice((*WORDS, *SIGNS)) for _ in range(3)] for _ in range(chance.randint(3, 5))]
    return "\n".join(["| name | value | note |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)])


def _code(chance: random.Random) -> str:
    return f"```\n{chance.choice(CODE)}\n```"


def _quote(chance: random.Random) -> str:
    return f"> {_sentence(chance, 9)}"


def _emphasis(chance: random.Random) -> str:
    return f"**{_sentence(chance, 3)}** and *{_sentence(chance, 3)}* with `{chance.choice(WORDS)}_{chance.choice(WORDS)}` in it."
