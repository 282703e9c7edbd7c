"""Text, times and numbers as pages show them."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procy.ui import prose, words
from procy.ui.assets import plugins_folder

from .sample import EVIL


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", '<div class="text">plain</div>'),
        ("a < b & c", '<div class="text">a &lt; b &amp; c</div>'),
        ("use `x<y>`", '<div class="text">use <code>x&lt;y&gt;</code></div>'),
        ("**bold**, a ** b ** c", '<div class="text"><strong>bold</strong>, a ** b ** c</div>'),
        ("# Head\ntext", '<div class="text"><strong>Head</strong>\ntext</div>'),
        ("```py\na<b\n```\nafter", '<pre class="code">a&lt;b</pre><div class="text">after</div>'),
        ("```\nnever closed", '<pre class="code">never closed</pre>'),
        ("~~~\n```\n~~~", '<pre class="code">```</pre>'),
        ("| a | b |\n|---|---|\n| long | c |", '<pre class="code grid">a     b\nlong  c</pre>'),
        ("  indented\n\n\n", '<div class="text">  indented</div>'),
        ("", ""),
    ],
)
def test_prose(text: str, html: str) -> None:
    assert prose.prose(text) == html


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"])
def test_only_http_becomes_a_link(address: str) -> None:
    assert "<a " not in prose.prose(f"see {address} and [this]({address})")


def test_links_end_before_their_punctuation_and_cannot_leave_their_attribute() -> None:
    html = prose.prose('(https://a.example/x?y=1&z="onmouseover=alert(1)).')
    assert 'href="https://a.example/x?y=1&amp;z="' in html and html.endswith("&#34;onmouseover=alert(1)).</div>")


@given(st.text(alphabet="a`*#|<>&\"' \n~-h:/._\x01\x02"))
def test_no_text_gets_markup_through(text: str) -> None:
    html = str(prose.prose(text)) + str(prose.highlighted(text))
    for tag in (
        "<div",
        "</div>",
        "<pre",
        "</pre>",
        "<code>",
        "</code>",
        "<strong>",
        "</strong>",
        "<mark>",
        "</mark>",
        "<a href",
        "</a>",
    ):
        html = html.replace(tag, "")
    assert "<" not in html


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"command": 'a "b"\n[1]', "n": "x"}, 'command: a "b" [1] · n: x'),
        ({"path": "grün", "list": ["a", "b"]}, "path: grün · list: a · b"),
    ],
)
def test_json_is_read_as_words(value: object, said: str) -> None:
    assert prose.json_words(json.dumps(value)) == said


def test_a_long_text_takes_no_time() -> None:
    for text in ("**a " * 50_000, "`" * 200_000, "```\n" * 50_000, "|a\n" * 50_000, "http://" * 30_000, "#" * 200_000):
        began = time.perf_counter()
        prose.prose(text)
        assert time.perf_counter() - began < 30, f"{text[:4]}: not as the square of its length"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"command": "ls -la", "description": "List"}, "ls -la"),
        ({"command": ["bash", "-lc", "echo hi"]}, "echo hi"),
        ({"file_path": "/w/src/a.py", "old_string": "x"}, "src/a.py"),
        ({"pattern": "foo", "path": "/w/src"}, "foo"),
        ({"whatever": "the only string"}, "the only string"),
        ({"n": 1}, '{"n": 1}'),
        ("just text", "just text"),
    ],
)
def test_brief(value: object, said: str) -> None:
    assert words.brief(json.dumps(value), "/w") == said


def test_brief_of_a_cut_input() -> None:
    text = json.dumps({"file_path": "/w/a.py", "content": "x" * 9000})[:2000]
    assert words.brief(text, "/w/") == "a.py"
    assert words.brief(EVIL) == EVIL and words.brief(None) == ""


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (None, ""),
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1 s"),
        (4250, "4.2 s"),
        (60_000, "1 min"),
        (3_725_000, "1 h 2 min"),
        (125_000, "2 min 5 s"),
    ],
)
def test_durations(ms: float | None, said: str) -> None:
    assert words.duration(ms) == said


@pytest.mark.parametrize(
    ("count", "said"), [(None, ""), (0, "0"), (950, "950"), (1000, "1k"), (12_340, "12.3k"), (4_500_000, "4.5M")]
)
def test_tokens(count: int | None, said: str) -> None:
    assert words.tokens(count) == said


@pytest.mark.parametrize(("seconds", "said"), [(3, "now"), (50, "1 min ago"), (7300, "2 h ago"), (86400 * 3, "3 d ago")])
def test_ago(seconds: int, said: str) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
    assert words.ago((now - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z"), now) == said


def luminance(colour: str) -> float:
    """Of WCAG 2: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_small_text_has_contrast(scheme: int) -> None:
    style = (plugins_folder() / "static" / "procy.css").read_text()
    roots = re.findall(r":root \{(.*?)\n\s*\}", style, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", roots[scheme]))
    pairs = {(text, "paper") for text in ("ink", "soft", "faint", "human", "agent-text", "procy", "bad", "link", "busy", "wait")}
    pairs |= {(text, ground) for text in ("ink", "soft", "faint") for ground in ("raised", "human-bg", "procy-bg")}
    for text, ground in pairs:
        bright, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
