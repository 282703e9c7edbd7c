"""Where things are. Reads the environment only, so that a command that needs no setting starts fast."""

import os
from typing import NamedTuple

from procy.errors import ConfigError


class Places(NamedTuple):
    """Absolute paths of one data directory."""

    home: str
    db: str
    spool: str
    config: str

    @property
    def sidecar_lock(self) -> str:
        return os.path.join(self.home, "sidecar.lock")

    @property
    def sidecar_log(self) -> str:
        return os.path.join(self.home, "sidecar.log")


def find_places(db: str | None = None) -> Places:
    """The places for this environment; ``db`` (from ``--db``) moves the database only.

    ``$PROCY_HOME`` and ``$PROCY_CONFIG`` come first, the platform's own directories second.
    """
    home = os.environ.get("PROCY_HOME") or _platform("data")
    config = os.environ.get("PROCY_CONFIG") or os.path.join(_platform("config"), "config.toml")
    home = os.path.abspath(os.path.expanduser(home))
    database = os.path.abspath(os.path.expanduser(db)) if db else os.path.join(home, "procy.db")
    return Places(home, database, os.path.join(home, "spool"), os.path.abspath(os.path.expanduser(config)))


def make_home(places: Places) -> None:
    """Create the data directory and the spool, readable by their owner only."""
    for path in (places.home, places.spool):
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot create {path}: {error.strerror}", "Set PROCY_HOME to a directory you may write") from error


def _platform(what: str) -> str:
    import platformdirs  # here: costs 10 ms, and tests and panes have PROCY_HOME set

    return platformdirs.user_data_dir("procy") if what == "data" else platformdirs.user_config_dir("procy")
