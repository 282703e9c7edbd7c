"""Waking the sidecar. Imports next to nothing: every stream that starts does this."""

from __future__ import annotations

import os
import subprocess
import sys

from procy.capture.locks import is_locked
from procy.places import Places


def start_sidecar(places: Places) -> None:
    """Start the sidecar unless one runs; returns at once."""
    if is_locked(places.sidecar_lock):
        return
    environment = {**os.environ, **places.environment}
    subprocess.Popen(
        [sys.executable, "-m", "procy.sidecar"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, cwd="/", env=environment,
    )  # fmt: skip
