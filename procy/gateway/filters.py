"""Filters: what must not leave the machine is replaced in the body and the headers of a call.

Every string and number of a JSON body is looked at as its value is, so an escaped text is found too; all else stays as it was,
byte for byte. A body that is not JSON is filtered as it stands. A literal with a quote in it is looked for in the raw bytes too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from procy.settings.gateway import FilterSettings

SCALAR = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*', re.DOTALL)
REMEMBERED = 100_000  # strings
PLAIN = re.compile(r'[^"\\/\x00-\x1f]*')  # what JSON writes as it is, unless it writes it as \\u…
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Rule:
    """``number``: its place in the settings, from 1."""

    number: int
    replaced: Callable[[str], tuple[str, int]] = field(repr=False)
    upstreams: tuple[str, ...] = ()
    literal: str = field(default="", repr=False)  # "" of a regular expression

    def may_be_in(self, text: str, is_escaped: bool) -> bool:
        """False where a look at the JSON text as it is shows that no value in it can have the literal."""
        return not self.literal or is_escaped or not PLAIN.fullmatch(self.literal) or self.literal in text

    def applies_to(self, upstream: str) -> bool:
        return not self.upstreams or upstream in self.upstreams


@dataclass(frozen=True, slots=True)
class Broken:
    number: int
    reason: str
    upstreams: tuple[str, ...] = ()


class Seen:
    """Which strings some rules found nothing in: an agent sends its whole history with every call. Kept as keyed hashes of 64
    bits, so nothing of the strings themselves is."""

    def __init__(self) -> None:
        self._clean: dict[tuple[int, ...], set[int]] = {}

    def clean(self, rules: Sequence[Rule]) -> set[int]:
        found = self._clean.setdefault(tuple(rule.number for rule in rules), set())
        if len(found) > REMEMBERED:
            found.clear()
        return found


@dataclass(frozen=True, slots=True)
class Filters:
    rules: tuple[Rule, ...] = ()
    broken: tuple[Broken, ...] = ()
    seen: Seen = field(default_factory=lambda: Seen(), compare=False, repr=False)

    def for_upstream(self, name: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.applies_to(name)]

    def broken_for(self, name: str) -> Broken | None:
        return next((rule for rule in self.broken if not rule.upstreams or name in rule.upstreams), None)


def compile_filters(settings: Iterable[FilterSettings]) -> Filters:
    rules: list[Rule] = []
    broken: list[Broken] = []
    for number, one in enumerate(settings, 1):
        try:
            replaced = expression(one) if one.regex else literal(one)
        except (re.error, IndexError, OverflowError, RecursionError) as error:
            broken.append(Broken(number, f"{type(error).__name__}: {error}", one.upstreams))
        else:
            rules.append(Rule(number, replaced, one.upstreams, "" if one.regex else one.find))
    return Filters(tuple(rules), tuple(broken))


def literal(one: FilterSettings) -> Callable[[str], tuple[str, int]]:
    def replaced(text: str) -> tuple[str, int]:
        count = text.count(one.find)
        return (text.replace(one.find, one.replace), count) if count else (text, 0)

    return replaced


def expression(one: FilterSettings) -> Callable[[str], tuple[str, int]]:
    """Raises re.error or IndexError where the pattern, or the replacement with its groups, is wrong."""
    pattern = re.compile(one.find)
    re.compile(one.find + "|").sub(one.replace, "")  # the replacement is only looked at where something matches
    return lambda text: pattern.subn(one.replace, text)


@dataclass(frozen=True, slots=True)
class Filtered:
    """``counts``: how many places each rule changed, by its number."""

    body: bytes
    headers: tuple[tuple[str, str], ...]
    counts: dict[int, int]

    def changes(self) -> list[dict[str, Any]]:
        return [
            {"what": "filter", "name": str(number), "from": places(count), "to": "replaced", "why": f"filter {number}"}
            for number, count in sorted(self.counts.items())
        ]


def places(count: int) -> str:
    return "1 place" if count == 1 else f"{count} places"


def filtered(
    rules: Sequence[Rule],
    body: bytes,
    headers: Iterable[tuple[str, str]],
    spared: Iterable[str] = (),
    seen: Seen | None = None,
) -> Filtered:
    """``spared``: headers that stay as they are. ``seen``: what was learned of earlier bodies, by the same ``Filters``."""
    counts: dict[int, int] = {}
    kept = set(spared)
    clean = tuple((name, value if name in kept else header_value(rules, value, counts)) for name, value in headers)
    return Filtered(filtered_body(rules, body, counts, seen or Seen()), clean, counts)


def header_value(rules: Sequence[Rule], value: str, counts: dict[int, int]) -> str:
    changed = through(rules, value, counts)
    return value if changed == value else " ".join(changed.encode("ascii", "replace").decode().split())


def filtered_body(rules: Sequence[Rule], body: bytes, counts: dict[int, int], seen: Seen) -> bytes:
    if not rules or not body:
        return body
    text = body.decode("utf-8", "surrogateescape")
    likely = [rule for rule in rules if rule.may_be_in(text, "\\u" in text)]
    if not likely:
        return body
    if not is_json(text):
        return through(likely, text, counts).encode("utf-8", "surrogateescape")
    clean = seen.clean(likely)

    def replaced(found: re.Match[str]) -> str:
        token = found.group()
        key = hash(token)
        if key in clean:
            return token
        after = scalar(likely, token, counts)
        if after is token:
            clean.add(key)
        return after

    changed = SCALAR.sub(replaced, text)
    changed = through([rule for rule in likely if '"' in rule.literal], changed, counts)
    return changed.encode("utf-8", "surrogateescape") if changed != text else body


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def scalar(rules: Sequence[Rule], token: str, counts: dict[int, int]) -> str:
    """A string or a number of JSON, filtered; what is no number any more becomes a string."""
    value = token
    if token[0] == '"':
        value = token[1:-1] if "\\" not in token else json.loads(token, strict=False)
    changed = through(rules, value, counts)
    if changed == value:
        return token
    if token[0] != '"' and NUMBER.fullmatch(changed):
        return changed
    written = json.dumps(changed, ensure_ascii=False)
    return written if not has_surrogates(written) else json.dumps(changed)


def has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def through(rules: Iterable[Rule], text: str, counts: dict[int, int]) -> str:
    for rule in rules:
        text, count = rule.replaced(text)
        if count:
            counts[rule.number] = counts.get(rule.number, 0) + count
    return text
