"""Where an engine runs: this machine, or a host reached by ssh. What is to be done there travels as data, not as shell words."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import tarfile
from pathlib import Path
from typing import Any, Protocol

from procy.errors import HostError, ServeError
from procy.hosts.ssh import Host, host_of
from procy.learn.serve import there
from procy.settings import Settings
from procy.settings.evolve import HostSettings

LINE = "procy:"
BLOCK = 1 << 20
BESIDE = "~/.local/share/procy-serve"  # on a host: logs and adapters


class Place(Protocol):
    """``name``: local or ssh:HOST."""

    name: str

    def do(self, verb: str, **request: Any) -> dict[str, Any]:
        """A verb of ``there``. Raises HostError where the place cannot be reached."""

    def folder_for(self, name: str, home: str) -> str:
        """A folder there for what belongs to something of that name; ``home``: procy's data directory here."""

    def brought(self, folder: Path, name: str) -> str:
        """Where a folder of here is found there, copied if it must be."""


class Local:
    name = "local"

    def do(self, verb: str, **request: Any) -> dict[str, Any]:
        return there.do(verb, request)

    def folder_for(self, name: str, home: str) -> str:
        return f"{home}/servings/{name}"

    def brought(self, folder: Path, name: str) -> str:
        return str(folder.absolute())


class Remote:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.name = f"ssh:{host.name}"

    def do(self, verb: str, **request: Any) -> dict[str, Any]:
        source = Path(there.__file__).read_text(encoding="utf-8")
        program = f"{source}\nanswer({json.dumps(json.dumps([verb, request]))})\n"
        out = self.through(f"{self.host.settings.python} -", program.encode())
        line = next((line for line in out.splitlines() if line.startswith(LINE)), "")
        if not line:
            raise HostError(f"host {self.host.name} gave no answer ({out.strip()[-200:]})", "Try there: python3 --version")
        return dict(json.loads(line.removeprefix(LINE)))

    def folder_for(self, name: str, home: str) -> str:
        return f"{BESIDE}/{name}"

    def brought(self, folder: Path, name: str) -> str:
        """Its files, without the folders in it: those are checkpoints."""
        target = f"{BESIDE}/adapters/{name}"
        quoted = f"~/{shlex.quote(target[2:])}" if target.startswith("~/") else shlex.quote(target)
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            for path in sorted(folder.iterdir()):
                if path.is_file():
                    archive.add(path, path.name)
        where = self.through(f"mkdir -p {quoted} && tar -xf - -C {quoted} && cd {quoted} && pwd", data.getvalue())
        return where.strip().splitlines()[-1]

    def through(self, command: str, data: bytes) -> str:
        """What a command of the shell there prints. Raises HostError."""
        process = self.host.open(command)
        out, words = process.communicate(data)
        if process.returncode == 255:
            raise self.host.unreachable(words.decode("utf-8", "replace"))
        if process.returncode:
            lines = words.decode("utf-8", "replace").strip().splitlines()
            raise HostError(f"host {self.host.name}: {lines[-1] if lines else f'exit status {process.returncode}'}")
        return out.decode("utf-8", "replace")


def place_named(name: str, settings: Settings) -> Place:
    """``local`` or ``ssh:HOST``, where HOST is one of ``[hosts]`` or a destination of ssh. Raises ServeError."""
    if name == "local":
        return Local()
    kind, _, host = name.partition(":")
    if kind != "ssh" or not host or host.startswith("-"):
        raise ServeError(f"there is no place {name!r} to serve at", "Say local, or ssh:HOST")
    if not shutil.which("ssh"):
        raise ServeError("ssh is not installed", "Install an OpenSSH client")
    return Remote(host_of(settings.hosts.get(host) or HostSettings(host, host)))
