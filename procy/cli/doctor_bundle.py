"""``procy doctor --bundle``: an archive for whoever is asked for help. No prompt, answer, terminal byte or key goes into it."""

from __future__ import annotations

import getpass
import io
import json
import os
import platform
import re
import sqlite3
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from procy import __version__
from procy.cli.finding import Finding
from procy.errors import ConfigError, ProcyError
from procy.parse.redact import mask
from procy.places import Places
from procy.settings import load_tables

LOG_BYTES = 256 << 10  # of the end of each log
PRIVATE = re.compile(r"key|token|secret|password|header|environment|prompt|goal|filter|find|replace|command|ssh", re.IGNORECASE)
SAFE_COUNT = "SELECT agent, origin, status, count(*) FROM sessions GROUP BY 1, 2, 3"
ABOUT = """What `procy doctor --bundle` found, for whoever helps. Look through it before you send it.

findings.json  what procy doctor says
versions.json  procy, Python, system and installed packages
settings.json  config.toml without keys, headers, commands, addresses of hosts, filters and prompts
database.json  schema, sizes and numbers of rows
files.txt      names and sizes below the data directory
logs/          the ends of logs

Known keys and tokens are masked; the home directory, user and host have other names.
"""


def write_bundle(path: Path, places: Places, findings: Sequence[Finding]) -> None:
    """Write the archive, readable by its owner only. Raises ConfigError; never replaces a file."""
    try:
        with (
            open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out,
            tarfile.open(fileobj=out, mode="w:gz") as archive,
        ):
            for name, text in parts(places, findings):
                content = anonymous(mask(text), places).encode("utf-8", "replace")
                entry = tarfile.TarInfo(f"{path.name.split('.')[0]}/{name}")
                entry.size, entry.mode, entry.mtime = len(content), 0o600, time.time()
                archive.addfile(entry, io.BytesIO(content))
    except FileExistsError:
        raise ConfigError(f"{path} is there already", "Give another name: procy doctor --bundle FILE") from None
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", "Give another place: procy doctor --bundle FILE") from error


def parts(places: Places, findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """Each file of the archive: its name and text."""
    yield "README.txt", ABOUT
    yield "findings.json", pretty([{"level": one.level, "what": one.what, "remedy": one.remedy} for one in findings])
    yield "versions.json", pretty(versions())
    yield "settings.json", pretty(settings_without_secrets(places))
    yield "database.json", pretty(database_facts(places))
    yield "files.txt", "\n".join(sizes(Path(places.home)))
    for log in sorted(Path(places.home).rglob("*.log")):
        yield f"logs/{log.relative_to(places.home)}", tail(log)


def pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"


def versions() -> dict[str, Any]:
    return {
        "procy": __version__,
        "python": sys.version,
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
        "terminal": os.environ.get("TERM", ""),
        "packages": dict(sorted((one.metadata["Name"], one.version) for one in distributions())),
    }


def settings_without_secrets(places: Places) -> object:
    try:
        return without_secrets(load_tables(places.config))
    except ProcyError as error:  # what cannot be read cannot be cleaned
        return {"left out": error.what}


def without_secrets(value: object, name: str = "") -> object:
    """Numbers and switches stay; texts and lists under a name that may hold a secret are only said to be there."""
    if isinstance(value, dict):
        return {key: without_secrets(inner, key if not PRIVATE.search(name) else name) for key, inner in value.items()}
    if isinstance(value, list) and not PRIVATE.search(name):
        return [without_secrets(inner, name) for inner in value]
    return "[left out]" if PRIVATE.search(name) and not isinstance(value, bool | int | float) else value


def database_facts(places: Places) -> dict[str, Any]:
    from procy.store.db import open_reader

    if not os.path.exists(places.db):
        return {}
    facts: dict[str, Any] = {"bytes": os.path.getsize(places.db)}
    try:
        with open_reader(places.db, busy_s=2) as connection:
            for pragma in ("user_version", "page_count", "freelist_count", "journal_mode"):
                facts[pragma] = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
            tables = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%!_fts!_%' ESCAPE '!'"
            )
            facts["rows"] = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables}
            facts["sessions"] = [list(row) for row in connection.execute(SAFE_COUNT)]
    except (ProcyError, sqlite3.Error) as error:
        facts["error"] = str(error)
    return facts


def sizes(home: Path) -> Iterator[str]:
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield f"{path.stat().st_size:>12} {path.relative_to(home)}"


def tail(log: Path) -> str:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError as error:
        return f"[{error.strerror}]"


def anonymous(text: str, places: Places) -> str:
    """The text with other names for this machine's places, user and host."""
    names = {places.home: "$PROCY_HOME", str(Path.home()): "~"}
    for path, name in names.items():
        if len(path) > 1:
            text = text.replace(path, name)
    for word, name in ((platform.node(), "HOST"), (getpass.getuser(), "USER")):
        if len(word) > 2:
            text = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", name, text)
    return text
