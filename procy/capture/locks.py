"""Whether a process of ours lives: each holds a lock on a file for as long as it does, and some say in it where they are."""

import fcntl
import json
import os
import time
from typing import IO, Any

LOOKS = 40  # at what a holder says, 50 ms apart: it may be about to say it


def is_locked(path: str) -> bool:
    """Whether another process holds the lock file; asked without holding it longer than a moment."""
    try:
        with open(path, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def take_lock(path: str) -> IO[str] | None:
    """The open lock file, held as long as it is open, or None when another process holds it.

    Others look at the lock by taking it for a moment, so one refusal is not the last word.
    """
    lock = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")  # noqa: SIM115
    for _ in range(5):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.01)
        else:
            return lock
    lock.close()
    return None


def wait_for_lock(path: str) -> IO[str]:
    """The same once no other process holds it."""
    lock = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")  # noqa: SIM115
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def said_by_holder(path: str) -> dict[str, Any] | None:
    """The JSON object that the holder of the lock keeps in its file; None where nobody holds it, or says nothing yet."""
    try:
        file = open(path, encoding="utf-8")  # noqa: SIM115
    except FileNotFoundError:
        return None
    with file:
        for _ in range(LOOKS):
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                pass
            file.seek(0)
            try:
                found = json.load(file)
            except ValueError:  # it is being written
                found = None
            if isinstance(found, dict):
                return found
            time.sleep(0.05)
    return None
