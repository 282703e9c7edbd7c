"""Masking of keys and tokens in derived text, and of what the user's own rules find. Pure but for these, which the settings know.

Only forms that are a secret by their shape are masked, so that code and prose stay as they are: the published prefixes
of well-known issuers, private key blocks, passwords in URLs, bearer headers and upper-case environment assignments.
A form is only searched for where one of its hints occurs, which keeps ordinary text fast.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from procy.parse.pem import key_spans
from procy.parse.rules import WITHHELD, by_rules, changed_strings, check, current
from procy.types import Picture, Read


class Form(NamedTuple):
    """``kept`` in the pattern is put back in front of the mask."""

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


class Secret(NamedTuple):
    """Places in a text; ``begin``: of the words by which it is known, where they stand before it."""

    begin: int
    start: int
    end: int


def form(name: str, hints: str, pattern: str) -> Form:
    return Form(name, tuple(hints.split()), re.compile(pattern, re.DOTALL))


KEPT = r"\g<kept>"
FORMS = (
    form("anthropic-key", "sk-ant-", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    form("openai-key", "sk-", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}"),
    form("github-token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\b(?:gh[pousr]_\w{36,}|github_pat_\w{40,})"),
    form("gitlab-token", "glpat- gldt- glft- glsoat- glrt- glcbt- glptt- glagent- gloas-", r"\bgl[a-z]+-[\w-]{20,}"),
    form("aws-key", "AKIA ASIA ABIA ACCA", r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    form("google-key", "AIza", r"\bAIza[\w-]{35}"),
    form("slack-token", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    form("stripe-key", "k_live_", r"\b[rs]k_live_[0-9A-Za-z]{24,}"),
    form("huggingface-token", "hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    form("npm-token", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    form("pypi-token", "pypi-AgE", r"\bpypi-AgE[\w-]{50,}"),
    form("sendgrid-key", "SG.", r"\bSG\.[\w-]{22}\.[\w-]{43}"),
    form("jwt", "eyJ", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    form("password", "://", r"(?P<kept>://[^\s/:@]+:)[^\s/@]{3,}(?=@)"),
    form("bearer", "earer ", r"(?P<kept>\b[Bb]earer )[A-Za-z0-9._~+/-]{20,}=*"),
    form(
        "assignment",
        "SECRET TOKEN PASSWORD PASSWD API_KEY APIKEY ACCESS_KEY",
        r"(?P<kept>\b[A-Z0-9_]*(?:SECRET|TOKEN|PASSWORD|PASSWD|API_KEY|APIKEY|ACCESS_KEY)[A-Z0-9_]*=)"
        r"([\"']?)[^\s\"'$(){}<>\[\]]{8,}\2",
    ),
)


def mask(text: str) -> str:
    """The text with every secret replaced by ``[redacted:form]``; nothing of it while a rule of the user's is broken."""
    rules = current()
    if rules.problem:
        return WITHHELD if text else ""
    if rules.rules:
        text = by_rules(text, rules.rules)
    for start, end in reversed([*key_spans(text)]):
        text = f"{text[:start]}[redacted:private-key]{text[end:]}"
    for name, hints, pattern in FORMS:
        if any(hint in text for hint in hints):
            text = pattern.sub(rf"{KEPT if 'kept' in pattern.groupindex else ''}[redacted:{name}]", text)
    return text


def mask_json(text: str) -> str:
    """The same for JSON, a piece of it or a line of a transcript: what is masked is its strings and numbers, so it stays JSON."""
    if text.lstrip(" \t\r\n,")[:1] not in ("{", "[", '"') or current().problem:
        return mask(text)
    return changed_strings(text, mask)


# -- terminal streams ---------------------------------------------------------------------------------------------------

INVISIBLE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]"
)
WINDOW = 1 << 16
OVERLAP = 1 << 12  # characters in which a secret may go on into the next window
LARGEST = 1 << 20  # characters that wait for the end of a secret


def star(pieces: Iterable[str]) -> Iterator[str]:
    """The same pieces of a terminal stream, as many and as long, with every secret's characters starred.

    A secret is found across pieces and through escape sequences: what was typed key by key is one word here. The stream
    is looked at in windows, of which one never ends in a secret and the next begins with the end of the one before.
    """
    waiting: list[str] = []
    size, enough = 0, WINDOW
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= enough:
            shown, safe = starred(waiting)
            if size > LARGEST:
                safe = size
            while waiting and len(waiting[0]) <= safe:
                safe -= len(waiting[0])
                size -= len(waiting.pop(0))
                yield shown.pop(0)
            enough = max(WINDOW, size + OVERLAP)
    yield from starred(waiting)[0]


def star_reads(reads: Sequence[Read]) -> list[Read]:
    """The same reads, as long, with every secret's bytes starred."""
    pieces = star(read.data.decode("latin-1") for read in reads)
    return [read._replace(data=piece.encode("latin-1")) for read, piece in zip(reads, pieces, strict=True)]


def starred_picture(picture: Picture) -> Picture:
    return Picture(picture.columns, picture.rows, next(star([picture.escapes.decode("latin-1")])).encode("latin-1"))


def starred(pieces: list[str]) -> tuple[list[str], int]:
    """Star what is seen in these pieces together; and how many characters are so whatever comes next."""
    whole = "".join(pieces)
    safe = max(len(whole) - OVERLAP, 0)
    plain, places = visible(whole)
    secrets = sorted(find_secrets(plain))
    if not secrets:
        return pieces[:], safe
    characters = list(whole)
    for secret in reversed(secrets):
        for place in range(secret.start, secret.end):
            characters[raw_place(places, place)] = "*"
        if raw_place(places, secret.begin) < safe <= raw_place(places, secret.end - 1):
            safe = raw_place(places, secret.begin)
    ends = [*accumulate(map(len, pieces))]
    return ["".join(characters[end - len(piece) : end]) for piece, end in zip(pieces, ends, strict=True)], safe


def visible(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without escape sequences, and where its runs stood: (place in the result, place in the text)."""
    parts, places, place, last = [], [], 0, 0
    for match in INVISIBLE.finditer(text):
        if match.start() > last:
            places.append((place, last))
            parts.append(text[last : match.start()])
            place += match.start() - last
        last = match.end()
    places.append((place, last))
    parts.append(text[last:])
    return "".join(parts), places


def raw_place(places: list[tuple[int, int]], place: int) -> int:
    start, raw = places[bisect_right(places, (place, 1 << 62)) - 1]
    return raw + place - start


def find_secrets(text: str) -> Iterator[Secret]:
    """Raises ConfigError while a rule of the user's is broken."""
    check()
    for _, pattern in current().rules:
        yield from spans(pattern, text)
        yield from spans_in_bytes(pattern, text)
    for start, end in key_spans(text):
        yield Secret(start, start, end)
    for _, hints, pattern in FORMS:
        if any(hint in text for hint in hints):
            yield from spans(pattern, text)


def spans(pattern: re.Pattern[str], text: str) -> Iterator[Secret]:
    for match in pattern.finditer(text):
        kept = match.groupdict().get("kept") or ""
        yield Secret(match.start(), match.start() + len(kept), match.end())


def spans_in_bytes(pattern: re.Pattern[str], text: str) -> Iterator[Secret]:
    """What a rule finds in a text that holds one character for each byte of another: terminal bytes are looked at so."""
    if text.isascii():
        return
    try:
        wide = text.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return  # it is a text itself
    for secret in spans(pattern, wide):
        yield Secret(*(len(wide[:place].encode("utf-8", "surrogateescape")) for place in secret))
