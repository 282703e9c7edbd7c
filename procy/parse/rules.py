"""The user's redaction rules, compiled, and what they make of a text. What they are is told by the settings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from procy.errors import ConfigError
from procy.settings.redact import InForce, RuleSettings, in_force

SHORTEST = 3  # characters of a literal: what is shorter is everywhere
MARK = re.compile(r"(\[redacted:[\w-]+\])")
STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\w.])-?\d[\d.eE+-]*', re.DOTALL)
WITHHELD = "[withheld: a redaction rule is broken, see procy doctor]"
DEPTH = 3  # of JSON in strings of JSON


class Rule(NamedTuple):
    name: str
    pattern: re.Pattern[str]


class Rules(NamedTuple):
    """``problem``: why they cannot be used, none of them; "" where they can."""

    rules: tuple[Rule, ...]
    problem: str


def current() -> Rules:
    return compiled(in_force())


@lru_cache(maxsize=4)
def compiled(found: InForce) -> Rules:
    if found.problem:
        return Rules((), found.problem)
    rules = []
    for number, one in enumerate(found.rules, 1):
        try:
            rules.append(Rule(one.name or f"rule-{number}", pattern_of(one)))
        except (re.error, ValueError, OverflowError, RecursionError) as error:
            return Rules((), f"redaction rule {number} is broken: {error}")
    return Rules(tuple(rules), "")


def pattern_of(one: RuleSettings) -> re.Pattern[str]:
    """Raises ValueError or re.error."""
    if not one.regex:
        if len(one.find) < SHORTEST:
            raise ValueError(f"it is shorter than {SHORTEST} characters")
        return re.compile(re.escape(one.find))
    pattern = re.compile(one.find)
    if pattern.match("") or pattern.fullmatch(""):
        raise ValueError("it matches the empty text")
    return pattern


def problem() -> str:
    return current().problem


def check() -> None:
    """Raises ConfigError while a rule is broken: what would be written now would be withheld, or unredacted."""
    if told := problem():
        raise ConfigError(told, "Correct [redact] in the settings; until then nothing is stored or written out")


def by_rules(text: str, rules: Sequence[Rule], depth: int = 0) -> str:
    """What the rules find is replaced by their marks; in the strings of JSON too, however they are written. A mark that stands
    there already stays."""
    if "\\" in text and text.lstrip()[:1] in "{[" and depth < DEPTH:
        text = changed_strings(text, lambda value: by_rules(value, rules, depth + 1))
    parts = MARK.split(text) if "[redacted:" in text else [text]
    for place in range(0, len(parts), 2):
        for name, pattern in rules:
            kept = r"\g<kept>" if "kept" in pattern.groupindex else ""
            parts[place] = pattern.sub(rf"{kept}[redacted:{name}]", parts[place])
    return "".join(parts)


def changed_strings(text: str, change: Callable[[str], str]) -> str:
    """A text of JSON, or a piece of one, with its strings and numbers changed; all else stays as it is, byte for byte."""

    def changed(found: re.Match[str]) -> str:
        token = found.group()
        value = token
        if token[0] == '"':
            try:
                value = json.loads(token, strict=False) if "\\" in token else token[1:-1]
            except ValueError:
                return token
        after = change(value)
        return token if after == value else json.dumps(after, ensure_ascii=False)

    return STRING.sub(changed, text)
