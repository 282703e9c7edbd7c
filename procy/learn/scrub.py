"""Taking out of training data what names a person or a machine, and what is a secret.

Names become placeholders, the same name the same placeholder within a group of rows. Secrets are masked where they are values of
this process's environment, and by their shape (``procy.parse.redact``); then every line is looked at by detect-secrets, and what
it finds is masked too, or its row left out. Without that scanner nothing is exported.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from procy.errors import ProcyError
from procy.parse.redact import mask
from procy.parse.rules import check

EMAIL = re.compile(r"\b[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}\b")
HOME = re.compile(r"(?P<kept>/(?:home|Users)/)(?P<name>[^/\s\"':,;)]+)")
ADDRESS = re.compile(r"\b(?!127\.|0\.0\.0\.0)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b(?!\.\d)")
COMMON = {"root", "user", "admin", "ubuntu", "debian", "localhost", "runner", "ci", "test", "dev"}  # name nobody
LEAST = 4  # letters of a name that is looked for everywhere
SECRET_NAME = re.compile(r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|CREDENTIALS?)(?:_|$)", re.IGNORECASE)
LEAST_SECRET = 8  # characters of a value that is looked for everywhere


class Scrubber:
    """``found``: how often each rule applied."""

    def __init__(self, names: Iterable[str] | None = None, secrets: Iterable[str] | None = None) -> None:
        """``names``: of people and machines; default: who runs this, and where. ``secrets``: words that nobody may see; default:
        what this process's environment calls a key, a token, a password."""
        check()
        self.found: Counter[str] = Counter()
        self.places: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        given = own_names() if names is None else names
        words = sorted({name for name in given if len(name) >= LEAST and name.lower() not in COMMON}, key=len, reverse=True)
        self.names = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b") if words else None
        known = sorted(own_secrets(os.environ) if secrets is None else secrets, key=len, reverse=True)
        self.secrets = re.compile("|".join(map(re.escape, known))) if known else None

    def scrub(self, text: str, group: str) -> str:
        masked = mask(self.secrets.sub("[redacted:environment]", text) if self.secrets else text)
        self.found["secret"] += masked.count("[redacted:") - text.count("[redacted:")
        masked = EMAIL.sub(lambda match: self.placeholder("email", match[0], group), masked)
        masked = HOME.sub(lambda match: match["kept"] + self.placeholder("user", match["name"], group), masked)
        masked = ADDRESS.sub(lambda match: self.placeholder("address", match[0], group), masked)
        if self.names:
            masked = self.names.sub(lambda match: self.placeholder("name", match[0], group), masked)
        return masked

    def placeholder(self, kind: str, word: str, group: str) -> str:
        known = self.places[kind, group]
        if word.startswith(f"<{kind}-"):
            return word
        self.found[kind] += 1
        return known.setdefault(word, f"<{kind}-{len(known) + 1}>")


def own_names() -> tuple[str, ...]:
    host = socket.gethostname()
    return (getpass.getuser(), host, host.partition(".")[0])


def own_secrets(environment: Mapping[str, str]) -> set[str]:
    """The values of variables whose names say that they are secrets."""
    return {value for name, value in environment.items() if SECRET_NAME.search(name) and len(value) >= LEAST_SECRET}


def secrets_by_line(path: Path) -> dict[int, set[str]]:
    """Number of the first line of a file that has it → what looks like a secret. Raises ProcyError where that cannot be told."""
    try:
        from detect_secrets.core.secrets_collection import SecretsCollection
        from detect_secrets.settings import default_settings
    except ImportError as error:
        what = "training data cannot be scanned for secrets, so it is not written: detect-secrets is not installed"
        raise ProcyError(what, "pip install detect-secrets") from error
    with default_settings():
        collection = SecretsCollection()
        collection.scan_file(str(path))
        found: dict[int, set[str]] = defaultdict(set)
        for _, secret in collection:
            found[secret.line_number].add(secret.secret_value or "")
        return found
