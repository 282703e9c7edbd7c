"""Files that pages load: procy's own, and what ``make setup`` took from npm. Without the latter pages fall back to text."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

import procy
from procy.errors import MissingExtra

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
        self._hashes: dict[str, tuple[int, str]] = {}

    def url(self, root: str, name: str) -> str:
        """An address that changes with the file, so browsers may keep what it gives for ever."""
        path = self.folder / name
        changed = path.stat().st_mtime_ns
        known = self._hashes.get(name)
        if known is None or known[0] != changed:
            known = (changed, hashlib.sha256(path.read_bytes()).hexdigest()[:12])
            self._hashes[name] = known
        return f"{root}/static/{quote(name)}?_hash={known[1]}"

    def player(self) -> bool:
        """Whether the terminal player is here."""
        return all((self.folder / name).is_file() for name in PLAYER)
