"""The user's own redaction rules: ``[redact]``. They are in force in every process that masks text, whether it asks for settings
or not, and are read again when their file changes: a place that forgot them would let a secret through."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from procy.errors import ConfigError
from procy.places import find_places
from procy.settings.read import read_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOOK_S = 0.5  # how often it is looked whether the file changed
NAME = re.compile(r"[A-Za-z0-9][\w-]{0,39}")
EXAMPLE = 'Write it as in {find = "my secret"} or {find = "user-[0-9]+", regex = true, name = "user"}'


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """``find`` is literal unless ``regex``. ``name``: shown in place of what it finds; "" for its number."""

    find: str = field(repr=False)
    regex: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class RedactSettings:
    rules: tuple[RuleSettings, ...] = ()


class InForce(NamedTuple):
    """``problem``: why the rules cannot be known; "" where they are."""

    rules: tuple[RuleSettings, ...]
    problem: str


def read_redact(found: object, path: str) -> RedactSettings:
    """A pattern that does not compile is no error here: while it stands there, nothing is stored."""
    table = read_table(found, {"rules": list}, path, "redact")
    return RedactSettings(
        tuple(read_rule(one, path, f"redact.rules[{place}]") for place, one in enumerate(table.get("rules", [])))
    )


def read_rule(found: object, path: str, where: str) -> RuleSettings:
    table = read_table(found, {"find": str, "regex": bool, "name": str}, path, where)
    if not table.get("find"):
        raise ConfigError(f"{path}: {where} finds nothing", EXAMPLE)
    if table.get("name") and not NAME.fullmatch(table["name"]):
        raise ConfigError(f"{path}: {where}.name is no name", "Use letters, digits, '_' and '-', 40 at most")
    return RuleSettings(**table)


# -- in force -----------------------------------------------------------------------------------------------------------


class Watched:
    """The rules of the settings file as it was when last looked at."""

    def __init__(self) -> None:
        self.until = 0.0
        self.place: tuple[Any, ...] = ()
        self.found = InForce((), "")

    def now(self) -> InForce:
        if time.monotonic() >= self.until or self.place[:1] != (os.environ.get("PROCY_CONFIG"),):
            self.look()
        return self.found

    def look(self) -> None:
        path = find_places().config
        try:
            stat = os.stat(path)
            place: tuple[Any, ...] = (os.environ.get("PROCY_CONFIG"), path, stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except FileNotFoundError:
            place = (os.environ.get("PROCY_CONFIG"), path)
        except OSError as error:
            place = (os.environ.get("PROCY_CONFIG"), path, error.errno)
        if place != self.place:
            self.found = read_file(path)
            self.place = place
        self.until = time.monotonic() + LOOK_S


def read_file(path: str) -> InForce:
    try:
        with open(path, "rb") as file:
            found: Mapping[str, Any] = tomllib.load(file)
        return InForce(read_redact(found.get("redact", {}), path).rules, "")
    except FileNotFoundError:
        return InForce((), "")
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return InForce((), f"{path} cannot be read: {error}")
    except ConfigError as error:
        return InForce((), error.what)


WATCHED = Watched()


def in_force() -> InForce:
    return WATCHED.now()


def look_again() -> None:
    """The file may have changed this moment."""
    WATCHED.until = 0.0


def look_once() -> InForce:
    """Look now, and not again until asked: for who must not find other rules in the middle of its work."""
    WATCHED.look()
    WATCHED.until = float("inf")
    return WATCHED.found
