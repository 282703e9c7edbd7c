"""Files that pages load: procy's own, and what ``make setup`` took from npm. Without the latter pages fall back to text."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from urllib.parse import quote

import procy
from procy.errors import MissingExtra

LOOK_S = 0.5  # how often it is looked whether files changed
Signature = tuple[tuple[str, int], ...]
PLAYER = ("vendor/asciinema-player.min.js", "vendor/asciinema-player.css")


def plugins_folder() -> Path:
    """``datasette_plugins``: inside the installed package, else beside it in the repository. Raises MissingExtra."""
    package = Path(procy.__file__).resolve().parent
    for folder in (package / "datasette_plugins", package.parent / "datasette_plugins"):
        if (folder / "common.py").is_file():
            return folder
    raise MissingExtra("procy's pages are not installed", "Install procy again, from a wheel or with pip install -e")


class Assets:
    """The files below ``static`` and their addresses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: tuple[float, Signature, str] = (0.0, (), "")

    def url(self, root: str, name: str) -> str:
        """An address that changes with the files, so browsers may keep what it gives for ever.

        It is a folder that changes, because modules load each other by names beside their own.
        """
        return f"{root}/static/~{self.version()}/{quote(name)}"

    def version(self) -> str:
        """Of all files together."""
        looked, signature, version = self._known
        now = time.monotonic()
        if now - looked < LOOK_S and version:
            return version
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        found = tuple((str(path), path.stat().st_mtime_ns) for path in files)
        if found != signature:
            version = hashlib.sha256(b"\0".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()[:12]
        self._known = (now, found, version)
        return version

    def player(self) -> bool:
        """Whether the terminal player is here."""
        return all((self.folder / name).is_file() for name in PLAYER)
