"""What a trainer says of itself: one line of JSON for each event, on standard output and in a file.

Every line has ``procy`` (always "train"), ``event``, ``at`` and ``stage``. Events: ``start``, ``note``, ``step``, ``measured``,
``saved``, ``done``, ``error``. Only the first of several processes speaks.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

FULL = ("the disk is full", "Make room, then: procy train resume")
NO_MEMORY = ("out of memory", "not enough memory", "allocate memory")  # of a GPU, of torch's two allocators
ROOM = 1 << 16  # bytes: with less than that nothing can be written


class Stop(Exception):
    """Training cannot go on: what is wrong, and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}. {remedy}" if remedy else what)


class Progress:
    def __init__(self, path: str, stage: str) -> None:
        self.path, self.stage = Path(path), stage
        self.is_first = os.environ.get("RANK", "0") == "0"

    def say(self, event: str, **values: Any) -> None:
        if not self.is_first:
            return
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"procy": "train", "event": event, "at": at, "stage": self.stage, **values}, ensure_ascii=False)
        print(line, flush=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


@contextmanager
def in_words(progress: Progress) -> Iterator[None]:
    """What goes wrong is said in one sentence, with a remedy, and ends the program with status 1."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, SystemExit) and not error.code:
            raise
        what, remedy = words_of(error) if isinstance(error, Stop) or not is_full(progress.path) else FULL
        if not isinstance(error, (Stop, KeyboardInterrupt, SystemExit)):
            traceback.print_exc()
        try:
            progress.say("error", what=what, remedy=remedy)
        except OSError:  # the disk that is full is also this one
            progress.path = Path(os.devnull)
            progress.say("error", what=what, remedy=remedy)
        sys.stdout.flush()
        sys.exit(f"train: {Stop(what, remedy)}")


def is_full(path: Path) -> bool:
    """Libraries that write weights call a full disk by other names."""
    try:
        return shutil.disk_usage(path.parent).free < ROOM
    except OSError:
        return False


def words_of(error: BaseException) -> tuple[str, str]:
    """(what, remedy)."""
    text = str(error) or type(error).__name__
    if isinstance(error, Stop):
        return error.what, error.remedy
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted", "Go on with: procy train resume, or the same command"
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text:
        return FULL
    without_room = any(words in text.lower() for words in NO_MEMORY)
    if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError) or without_room:
        remedy = "Use --batch-size 1, a shorter --max-length, --qlora, or more processes with train/accelerate/fsdp2.yaml"
        return "there is not enough memory for this model", remedy
    if type(error).__name__ == "DataError":
        what, _, remedy = text.rpartition(". ")
        return what or text, remedy if what else ""
    return f"{type(error).__name__}: {text.splitlines()[0]}", "The log has the whole of it"
