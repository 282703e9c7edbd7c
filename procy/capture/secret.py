"""Secrets of the data directory: files that only their owner may read, made where there is none."""

import os
import secrets
import time

from procy.errors import ConfigError


def read_secret(path: str, cost: str) -> str:
    """64 hexadecimal characters. ``cost``: what it means to lose the file, for the ConfigError where it is empty."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    for _ in range(20):
        with open(path, encoding="ascii") as file:
            if secret := file.read():
                return secret
        time.sleep(0.05)  # another process has just made the file
    raise ConfigError(f"{path} is empty", f"Delete it; {cost}")
