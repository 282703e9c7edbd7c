"""The keys of upstreams, from where the settings say they are. A value is never shown: not in errors, not by ``repr``."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from procy.errors import ConfigError
from procy.gateway.steering import Key
from procy.settings.upstreams import KeySource

COMMAND_S = 20.0  # of a command that prints a key
KEPT_S = 300.0  # how long a key that a command or the keyring gave is used before it is asked for again


def find_key(source: KeySource, environment: Mapping[str, str]) -> Key:
    """May wait for a command. Raises ConfigError with the place and the remedy."""
    value = FINDERS[source.kind](source.place, environment).strip()
    if not value:
        raise ConfigError(f"{source} has no key", REMEDIES[source.kind])
    if not (value.isascii() and value.isprintable()):
        raise ConfigError(f"the key of {source} has characters that no key has", "Copy it again")
    return Key(str(source), value)


def from_env(place: str, environment: Mapping[str, str]) -> str:
    return environment.get(place, "")


def from_file(place: str, environment: Mapping[str, str]) -> str:
    path = os.path.expanduser(place)
    try:
        with open(path, encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(f"others may read the key file {path}", f"chmod 600 {shlex.quote(path)}")
            return file.read(1 << 16)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"cannot read the key file {path}: {reason}", REMEDIES["file"]) from None


def from_command(place: str, environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", place],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise ConfigError(f"the command of a key did not end: {place}", "Run it in a shell and see what it waits for") from None
    if done.returncode:
        raise ConfigError(f"the command of a key failed with status {done.returncode}: {place}", "Run it in a shell")
    return done.stdout.decode("utf-8", "replace").partition("\n")[0]


def from_keyring(place: str, environment: Mapping[str, str]) -> str:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise ConfigError("a key is in the keyring, and the package keyring is not installed", "pip install keyring") from None
    service, _, user = place.rpartition("/")
    if not service:
        raise ConfigError(f"keyring = {place!r} names no service", 'Write it as in {keyring = "service/user"}')
    try:
        return keyring.get_password(service, user) or ""
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"the keyring gives no key for {place}: {type(error).__name__}", REMEDIES["keyring"]) from None


FINDERS: dict[str, Callable[[str, Mapping[str, str]], str]] = {
    "env": from_env,
    "file": from_file,
    "command": from_command,
    "keyring": from_keyring,
}
REMEDIES = {
    "env": "Export it where the gateway is started, and restart the gateway",
    "file": "Write the key into it, and let nobody else read it",
    "command": "It prints the key as its first line",
    "keyring": "Store it there: keyring set SERVICE USER",
}


@dataclass(frozen=True, slots=True)
class Kept:
    key: Key
    found_at: float


class KeyChain:
    """Keys that were found. What needs another program is asked for on a thread, so ``find`` never waits.

    ``clock``: seconds that never go back.
    """

    def __init__(self, environment: Mapping[str, str], clock: Callable[[], float]) -> None:
        self._environment, self._clock = environment, clock
        self._kept: dict[KeySource, Kept] = {}
        self._errors: dict[KeySource, ConfigError] = {}
        self._asked: dict[KeySource, threading.Thread] = {}

    def find(self, source: KeySource) -> Key:
        """A file is read each time: that costs little, and a new key counts at once. A command's key that is old is used until
        the new one is there. Raises ConfigError."""
        if source.kind in ("env", "file"):
            return find_key(source, self._environment)
        kept = self._kept.get(source)
        if not kept or self._clock() - kept.found_at >= KEPT_S:
            self._ask_on_a_thread(source)
        if kept:
            return kept.key
        waiting = ConfigError(f"the key of {source} is not there yet", "Try again in a moment")
        raise self._errors.get(source, waiting)

    def ask(self, source: KeySource) -> None:
        """Waits. What goes wrong is told by the next ``find``."""
        try:
            self._kept[source] = Kept(find_key(source, self._environment), self._clock())
            self._errors.pop(source, None)
        except ConfigError as error:
            self._errors[source] = error

    def _ask_on_a_thread(self, source: KeySource) -> None:
        if not (running := self._asked.get(source)) or not running.is_alive():
            self._asked[source] = threading.Thread(target=self.ask, args=(source,), name="key", daemon=True)
            self._asked[source].start()
