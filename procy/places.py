"""Where things are. Reads the environment only, so that a command that needs no setting starts fast."""

import os
from typing import NamedTuple

from procy.errors import ConfigError

NAME = "procy.db"


class Places(NamedTuple):
    """Absolute paths of one data directory."""

    home: str
    db: str
    spool: str
    config: str

    @property
    def sidecar_lock(self) -> str:
        return os.path.join(self.beside_spool, "sidecar.lock")

    @property
    def sidecar_log(self) -> str:
        return os.path.join(self.beside_spool, "sidecar.log")

    @property
    def sidecar_progress(self) -> str:
        return os.path.join(self.beside_spool, "sidecar.progress")

    def run_lock(self, run_id: str) -> str:
        """Held by the process that carries a run out."""
        return os.path.join(self.home, "runs", f"{run_id}.lock")

    @property
    def beside_spool(self) -> str:
        """The data directory; for a database of another name its spool, so that two may lie side by side."""
        return self.home if os.path.basename(self.db) == NAME else self.spool

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process find these places."""
        return {"PROCY_HOME": self.home, "PROCY_CONFIG": self.config, "PROCY_DB": self.db}


def find_places(db: str | None = None) -> Places:
    """The places for this environment; ``db`` (from ``--db``): those of that database, which are beside it.

    ``$PROCY_HOME``, ``$PROCY_DB`` and ``$PROCY_CONFIG`` come first, the platform's own directories second.
    """
    database = _whole(db or os.environ.get("PROCY_DB") or "")
    home = os.path.dirname(database) if database else _whole(os.environ.get("PROCY_HOME") or _platform("data"))
    config = _whole(os.environ.get("PROCY_CONFIG") or os.path.join(_platform("config"), "config.toml"))
    name = os.path.basename(database) or NAME
    spool = "spool" if name == NAME else f"{name}.spool"
    return Places(home, os.path.join(home, name), os.path.join(home, spool), config)


def _whole(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path)) if path else ""


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
