"""What ``train/run.py`` says, as values."""

from __future__ import annotations

import base64
import json
from typing import Any

from procy.errors import ProcyError
from procy.learn.train.engines import Look

FILES = ("log", "progress.jsonl")


def answer_of(text: str) -> dict[str, Any]:
    """Its line; a greeting of a shell's is passed over. Raises ProcyError."""
    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and found.get("procy") == "run":
            return found
    last = next(iter(reversed(text.strip().splitlines())), "nothing")
    raise ProcyError(f"the place of the training answered {last!r}", "Is there a Python 3.11 or newer? See hosts.NAME.python")


def look_of(found: dict[str, Any]) -> Look:
    return Look(str(found["state"]), {name: base64.b64decode(data) for name, data in found["files"].items()})
