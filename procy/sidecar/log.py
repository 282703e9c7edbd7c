"""The sidecar's log file: short, rotated, for people who ask why."""

import logging
from logging.handlers import RotatingFileHandler

log = logging.getLogger("procy.sidecar")


def open_log(path: str) -> None:
    handler = RotatingFileHandler(path, maxBytes=1 << 20, backupCount=1, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
