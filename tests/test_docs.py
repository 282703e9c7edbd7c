"""Whatever README and the documentation name is there: commands, options, targets, modules, files, links, pages, keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.claims import ROOT, complaints, pages
from tests.guide.hour import SCREENS
from tests.guide.pictures import PICTURES

GUIDE = ROOT / "docs" / "guide.md"
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 150_000


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    assert list(complaints(page)) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```sh\nprocy recrod -- claude\n```\n", "no such command as recrod: procy recrod -- claude"),
        ("```sh\ngit diff | procy send --cue\n```\n", "no such option as --cue"),
        ("```sh\nprocy evolve 5 --tires 3\n```\n", "no such option as --tires"),
        ("```sh\nprocy evolve apply best --brunch x\n```\n", "no such option as --brunch"),
        ("```sh\nX=1 procy nothing\n```\n", "no such command as nothing"),
        ("```sh\nprocy stream list\n```\n", "no such command as list"),
        ("```sh\nmake dmo\n```\n", "no such target as dmo"),
        ("```sh\npython -m bench.tutorial text-search ~/x\n```\n", "no such module as bench.tutorial"),
        ("Say `procy opne` then.\n", "no such command as opne"),
        ("Say `make pictures-of-you` then.\n", "no such target"),
        ("It takes `--unredactedly`.\n", "no command has the option --unredactedly"),
        ("See [there](nowhere.md).\n", "no such file: nowhere.md"),
        ("See [there](evolve.md#no-such-thing).\n", "no such heading: evolve.md#no-such-thing"),
        ("![A picture](images/none.png)\n", "no such file: images/none.png"),
        ("[![A picture](images/none.png)](evolve.md)\n", "no such file: images/none.png"),
        ("It is in `procy/nowhere.py`.\n", "no such file: procy/nowhere.py"),
        ("The page **Nonsense** shows it.\n", "no such page: Nonsense"),
        ("`prefix + Z` does it.\n", "the plugin has no key prefix + Z"),
        ("Set `@procy-colour`.\n", "the plugin has no option @procy-colour"),
    ],
)
def test_what_is_not_there_is_found(text: str, complaint: str) -> None:
    found = list(complaints(GUIDE, text))
    assert any(complaint in one for one in found), found


def test_what_is_there_is_no_complaint() -> None:
    text = """```sh
make demo PROCY_DEMO_SECONDS=5
git diff | procy send -t %3 --wait --json
env X=1 procy record --name parser -- claude --model opus
procy evolve 5 --goal "a | b" --yes
python -m bench.tutorials text-search ~/text-search
```
`procy evolve resume [--tries N]`, `procy import …`, `--yes`, `prefix + A`, `@procy-auto`, the page **Evolve**,
[evolve](evolve.md#strategies), [this](#agents), [there](https://example.org/), `tests/conftest.py`.
"""
    assert [one for one in complaints(GUIDE, text) if "#agents" not in one] == []


def test_the_guide_shows_every_screen_of_its_hour() -> None:
    shown = re.findall(r"<!-- screen: (\w+) -->\n```text\n(.+?)\n```\n<!-- end -->", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert sorted(name for name, _ in shown) == sorted(SCREENS)
    assert not [name for name, text in shown if len(text) < 60 or str(Path.home()) in text]


def test_pictures_are_shown_somewhere_and_are_small() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in pages())
    assert {path.name for path in IMAGES.iterdir()} == {f"{name}.png" for name in PICTURES}
    for path in IMAGES.iterdir():
        assert f"images/{path.name})" in text, f"{path.name} is shown nowhere"
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") and path.stat().st_size < MOST_BYTES, path.name
