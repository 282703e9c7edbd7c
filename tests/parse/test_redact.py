"""Private keys in what agents say and tools print."""

from __future__ import annotations

import json
import random

import pytest

from procy.parse.redact import mask, star

KEY_LINES = ["MIIEpAIBAAKCAQEA" + "Ab3/dE+f" * 6 for _ in range(20)] + ["aVeryShortEnd="]
BEGIN, END = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
KEY = "\n".join([BEGIN, *KEY_LINES, END])
ENCRYPTED = KEY.replace("MIIE", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB12\n\nMIIE", 1)
PGP = "\n".join(["-----BEGIN PGP PRIVATE KEY BLOCK-----", "Version: GnuPG v2", "", *KEY_LINES, "=ab12", END])
PGP = PGP.replace(END, "-----END PGP PRIVATE KEY BLOCK-----")
SHOWN = {
    "plain": KEY,
    "encrypted": ENCRYPTED,
    "pgp": PGP,
    "windows line ends": KEY.replace("\n", "\r\n"),
    "indented": KEY.replace("\n", "\n    "),
    "quoted": KEY.replace("\n", "\n> "),
    "escaped": json.dumps(KEY)[1:-1],
    "escaped twice": json.dumps(json.dumps(KEY))[3:-3],
    "concatenated": KEY.replace("\n", '\\n"\n  "'),
    "numbered": "\n".join(f"{number}→{line}" for number, line in enumerate(KEY.split("\n"), 1))[2:],
    "removed in a diff": KEY.replace("\n", "\n-"),
    "in a box": KEY.replace("\n", " │\n│ "),
    "without line ends": KEY.replace("\n", ""),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_key_is_masked_whole_however_it_is_shown(name: str) -> None:
    assert mask(f"before {SHOWN[name]} after") == "before [redacted:private-key] after"


@pytest.mark.parametrize(
    "text",
    [
        f"Look for '{BEGIN}' in the file.\nThen do step 2.\nAnd 3.",
        f"Between {BEGIN} and the end there are lines.\n\nIt ends with {END}, as always.",
        f"```\n{BEGIN}\n```\nDone.\nInternationalisation\n",
        BEGIN,
    ],
)
def test_a_mention_of_a_key_is_none(text: str) -> None:
    assert mask(text) == text


def test_of_a_key_that_is_cut_off_its_lines_are_masked_and_no_more() -> None:
    cut = KEY[:700]
    assert mask(f"$ head -c 700 key\n{cut}\nThe file goes on.") == "$ head -c 700 key\n[redacted:private-key]\nThe file goes on."
    assert mask(cut + "\n\nDone\n") == "[redacted:private-key]\n\nDone\n"


def test_two_keys_with_words_between() -> None:
    assert mask(f"{KEY}\nand\n{ENCRYPTED}\n") == "[redacted:private-key]\nand\n[redacted:private-key]\n"


def test_a_key_across_the_windows_of_a_stream_is_starred_whole() -> None:
    """Wherever it begins, and however the stream was read."""
    chance = random.Random(4)
    for lead in range(63_600, 65_600, 200):
        stream = "x " * (lead // 2) + KEY.replace("\n", "\r\n") + "\r\n" + "y " * 40_000
        pieces, place = [], 0
        while place < len(stream):
            size = chance.randint(1, 200)
            pieces.append(stream[place : place + size])
            place += size
        shown = "".join(star(pieces))
        assert len(shown) == len(stream)
        assert not any(line in shown for line in KEY_LINES), lead
