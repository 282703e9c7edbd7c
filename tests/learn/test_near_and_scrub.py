"""Texts that say the same, and what must not leave this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from procy.errors import ProcyError
from procy.learn.near import Known, likeness, sketch
from procy.learn.scrub import Scrubber, own_secrets, secrets_by_line

LONG = "Move the parsing of dates out of the loop over rows, and keep the compiled pattern where the module begins."


@pytest.mark.parametrize(
    ("other", "is_near"),
    [
        (LONG, True),
        (LONG.upper().replace(" ", "  "), True),
        (LONG.replace("rows, and", "rows and"), True),
        ("Use one query instead of one for each row, and add an index on the column that it asks for.", False),
        (LONG + " Then do the very same for numbers, and write a test that counts how often the pattern is compiled.", False),
        ("", False),
    ],
)
def test_near(other: str, is_near: bool) -> None:
    known = Known()
    known.add(LONG)
    assert known.has_near(other) is is_near


def test_likeness_of_the_same_and_of_nothing_in_common() -> None:
    assert likeness(sketch(LONG), sketch(LONG)) == 1.0
    assert likeness(sketch("abcdefgh"), sketch("0123456789")) == 0.0


def test_names_become_the_same_placeholder_within_a_group() -> None:
    scrubber = Scrubber(names=["marguerite", "box7", "root"])
    text = "marguerite@corp.example wrote /home/marguerite/src and /Users/jo/x on box71 and box7, 10.1.2.3, 127.0.0.1; marguerite"
    shown = scrubber.scrub(text, "a")
    assert shown == (
        "<email-1> wrote /home/<user-1>/src and /Users/<user-2>/x on box71 and <name-1>, <address-1>, 127.0.0.1; <name-2>"
    )
    assert scrubber.scrub("10.1.2.4 and 10.1.2.3", "a") == "<address-2> and <address-1>"
    assert scrubber.scrub("10.1.2.4", "b") == "<address-1>"
    assert scrubber.scrub(shown, "a") == shown


def test_secrets_are_masked_and_counted() -> None:
    scrubber = Scrubber(names=[])
    assert "[redacted:anthropic-key]" in scrubber.scrub("key sk-ant-" + "a" * 40, "a")
    assert scrubber.found["secret"] == 1


def test_what_the_environment_calls_a_secret_is_masked_whatever_its_shape() -> None:
    environment = {
        "DB_PASSWORD": "correct horse",
        "SHOP_API_KEY": "abcdefgh",
        "TOKENIZERS": "parallelism",
        "KEYBOARD": "qwertzuio",
        "PIN_KEY": "1234",
    }
    known = own_secrets(environment)
    assert known == {"correct horse", "abcdefgh"}
    scrubber = Scrubber(names=[], secrets=known)
    shown = scrubber.scrub("psql with correct horse and abcdefgh, qwertzuio", "a")
    assert shown == "psql with [redacted:environment] and [redacted:environment], qwertzuio"
    assert scrubber.found["secret"] == 2


def test_the_scanner_finds_what_has_no_known_shape(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text('nothing here\nset password = "hunter2correcthorse" and go\nalso nothing\n')
    assert secrets_by_line(path) == {2: {"hunter2correcthorse"}}


def test_without_the_scanner_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "detect_secrets.settings", None)
    with pytest.raises(ProcyError, match="pip install detect-secrets"):
        secrets_by_line(tmp_path / "rows.txt")
