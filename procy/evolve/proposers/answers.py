"""What a model answered, as a prompt: without its thoughts and what it wrapped it in. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple

from procy.errors import ProposerError
from procy.evolve.words import cleaned, one_line, shorten

LONGEST = 8000  # characters of a prompt
SHORTEST = 6
TAGS = "think|thinking|thought|reasoning|analysis"
THOUGHTS = re.compile(rf"\A\s*<({TAGS})>.*?</\1>", re.DOTALL | re.IGNORECASE)
UNOPENED = re.compile(rf"\A(?:(?!<(?:{TAGS})>).)*</(?:{TAGS})>", re.DOTALL | re.IGNORECASE)  # where the template opened it
UNCLOSED = re.compile(rf"\A\s*<({TAGS})>(?!.*</\1>).*", re.DOTALL | re.IGNORECASE)
FENCE = re.compile(
    r"\A(?:[^\n]*\bprompt\b[^\n]*:\s*\n)?(`{3,}|~{3,})[^\n`]*\n(?P<inner>.*?)\n?\1\s*\Z", re.DOTALL | re.IGNORECASE
)
LABEL = re.compile(
    r"\A[#*_\s]*(?:(?:the|your|here is the|here's the)\s+)?(?:next\s+)?prompt[*_]*(?::[*_]*\s*|\s*\n)", re.IGNORECASE
)
QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("«", "»"), ("„", "“"))
HTML = re.compile(r"\A\s*<(?:!doctype|html|head|body|\?xml)\b", re.IGNORECASE)
REFUSAL = re.compile(
    r"\A(?:i['’]m sorry|i am sorry|sorry\b|i apologi[sz]e|i (?:cannot|can['’]t|won['’]t|am unable|am not able)\b"
    r"|i['’]m (?:un|not )able|as an ai\b|unfortunately, i\b)",
    re.IGNORECASE,
)


class Rejected(NamedTuple):
    """An answer that is no prompt, and why."""

    answer: str
    reason: str


def judged(answer: str | Rejected) -> str | Rejected:
    return answer if isinstance(answer, Rejected) else prompt_in(answer)


def prompt_in(answer: str) -> str | Rejected:
    text = cleaned(answer)
    before = None
    while before != text:
        before, text = text, unwrapped(text)
    reason = fault(text) if text or not answer.strip() else "it holds thoughts or wrapping and nothing else"
    return Rejected(answer, reason) if reason else safe(text)


def unwrapped(text: str) -> str:
    """With one layer less around it."""
    for pattern in (THOUGHTS, UNOPENED, UNCLOSED, LABEL):
        text = pattern.sub("", text, count=1).strip()
    if fenced := FENCE.match(text):
        inner = fenced["inner"].strip()
        text = text if f"\n{fenced[1]}" in f"\n{inner}" else inner
    for opening, closing in QUOTES:
        inner = text[1:-1]
        if len(text) > 1 and text[0] == opening and text[-1] == closing and opening not in inner and closing not in inner:
            text = inner.strip()
    return prompt_of_json(text)


def prompt_of_json(text: str) -> str:
    """Of ``{"prompt": "…"}`` the prompt."""
    if not text.startswith("{"):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    inner = found.get("prompt")
    return inner.strip() if isinstance(inner, str) and len(found) == 1 else text


def fault(text: str) -> str:
    """Why a text is no prompt; "" where it is one."""
    checks = (
        (not text, "it is empty"),
        (bool(HTML.match(text)), "it is a web page"),
        (is_data(text), "it is data and not a text"),
        (len(text) > LONGEST, f"it is {len(text):,} characters long, and {LONGEST:,} are the most"),
        (len(text) < SHORTEST or not any(map(str.isalpha, text)), f"it says nothing: {text!r}"),
        (len(text) < 500 and bool(REFUSAL.match(text)), "it refuses"),
        (is_stuck(text), "it says the same again and again"),
    )
    return next((reason for is_so, reason in checks if is_so), "")


def is_data(text: str) -> bool:
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def is_stuck(text: str) -> bool:
    words = text.lower().split()
    return len(words) > 60 and len(set(words)) < len(words) / 10


def safe(text: str) -> str:
    """Not a command of the agent's own, as ``/clear`` or ``!ls`` would be, nor a note for its memory (``#``)."""
    text = re.sub(r"\A#+\s*", "", text)
    return f"Task: {text}" if text.startswith(("/", "!", "@", "&", "$")) else text


def asked(ask: Callable[[Rejected | None], str | Rejected], who: str, remedy: str) -> tuple[str, int]:
    """The prompt, and how many times was asked. ``ask`` is called again, once, with what was wrong with the first answer.

    Raises ProposerError.
    """
    first = judged(ask(None))
    if isinstance(first, str):
        return first, 1
    second = judged(ask(first))
    if isinstance(second, str):
        return second, 2
    shown = shorten(one_line(second.answer), 100)
    said = f" ({shown!r})" if shown and shown not in second.reason else ""
    raise ProposerError(f"{who} gave no usable prompt twice: {second.reason}{said}", remedy)


def complaint(rejected: Rejected) -> str:
    """What to say to whoever gave the answer."""
    return (
        f"That cannot be used: {rejected.reason}. Answer with the text of the prompt for the coding agent and nothing else: "
        "plain words, no thoughts, no quotation marks, no code block, at most 250 words."
    )
