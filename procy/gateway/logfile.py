"""Where the gateway's processes say what happens to them."""

from __future__ import annotations

import logging
import os
import sys

log = logging.getLogger("procy.gateway")

LOG_BYTES = 1 << 20


def open_log(path: str, also_here: bool = False) -> None:
    """``also_here``: on standard error too."""
    if os.path.exists(path) and os.path.getsize(path) > LOG_BYTES:
        os.replace(path, f"{path}.1")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    streams = [os.fdopen(descriptor, "a", encoding="utf-8"), *([sys.stderr] if also_here else [])]
    for stream in streams:
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
    log.setLevel(logging.INFO)
