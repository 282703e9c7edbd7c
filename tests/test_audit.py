"""The check of the pinned packages says what it found, and what it could not look at."""

from __future__ import annotations

import json
import subprocess

import pytest

from scripts import audit

GOOD = {"name": "click", "version": "8.1.0", "vulns": []}
BAD = {
    "name": "jinja2",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.4"]}, {"id": "GHSA-2", "fix_versions": []}],
}
UNKNOWN = {"name": "own", "skip_reason": "not found"}


def test_what_is_known_is_named_with_its_mend() -> None:
    assert audit.report([GOOD, BAD, UNKNOWN]) == [
        "procy: jinja2 2.0: PYSEC-1, mended in 3.1.4",
        "procy: jinja2 2.0: GHSA-2, mended in no version yet",
        "procy: not checked for vulnerabilities: own",
        "procy: 2 pinned packages checked for vulnerabilities, 2 found",
    ]


def test_an_index_that_knows_nothing_is_no_clean_bill() -> None:
    assert "NOT checked" in audit.report([UNKNOWN])[0]


@pytest.mark.parametrize(("said", "status"), [('{"dependencies": [%s]}', 1), ("", 0)])
def test_only_what_is_known_fails(
    said: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = said % json.dumps(BAD) if said else said
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, words, "no network"))
    assert audit.main() == status
    assert ("PYSEC-1" if said else "NOT checked") in capsys.readouterr().err
