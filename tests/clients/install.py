"""Install the pinned real clients, from npm and PyPI, into a cache outside the clone.

    python -m tests.clients.install [all | NAME ...]

prints one line per step on stderr and the executable's path on stdout. The cache is `$PROCY_CLIENTS_CACHE`, else
`procy-clients` in `$XDG_CACHE_HOME` or `~/.cache`; each client has its own folder `<name>-<version>` there, complete
when its `ready` file exists. npm and pip ask whatever registry the user configured.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

VERSION_S = 240  # aider imports a lot, and a machine may be busy


class ClientUnavailable(Exception):
    """The client cannot be had here: no npm, no build for this platform, or the registry refused. Tests skip aloud."""


@dataclass(frozen=True)
class Client:
    """A pinned client. `binary` is the glob of its executable below its folder; `{slug}` is `platform_slug()`.
    One of PyPI gets a virtual environment, made with a Python of `pythons`."""

    name: str
    package: str
    version: str
    binary: str
    pythons: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.name}-{self.version}"


CLAUDE = Client("claude", "@anthropic-ai/claude-code", "2.1.329", "node_modules/@anthropic-ai/claude-code-{slug}/claude")
CODEX = Client("codex", "@openai/codex", "0.169.0", "node_modules/@openai/codex-{slug}/vendor/*/bin/codex")
OPENCODE = Client("opencode", "opencode-ai", "1.18.33", "node_modules/opencode-{slug}/bin/opencode")
AIDER = Client("aider", "aider-chat", "0.86.2", "bin/aider", pythons=("python3.12", "python3.11", "python3.10"))
GEMINI = Client("gemini", "@google/gemini-cli", "0.61.0", "node_modules/.bin/gemini")
QWEN = Client("qwen", "@qwen-code/qwen-code", "0.24.4", "node_modules/.bin/qwen")
CLIENTS = {client.name: client for client in (CLAUDE, CODEX)}  # those of `make clients`
OTHERS = {client.name: client for client in (GEMINI, QWEN, OPENCODE, AIDER)}  # those that `make clients-all` adds
ALL = CLIENTS | OTHERS


def cache_dir() -> Path:
    if chosen := os.environ.get("PROCY_CLIENTS_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "procy-clients"


def platform_slug() -> str:
    """npm's name of this platform, e.g. `linux-x64`, `darwin-arm64`. Raises ClientUnavailable."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    if not machine or not system:
        raise ClientUnavailable(f"no client build for {sys.platform} on {platform.machine()}")
    return f"{system}-{machine}"


def install(client: Client) -> Path:
    """The path of the client's native executable; installs it on the first call. Raises ClientUnavailable."""
    target = cache_dir() / client.label
    if not (target / "ready").exists():
        (_venv_install if client.pythons else _npm_install)(client, target)
    executable = find_binary(client, target)
    _check_version(client, executable)
    return executable


def find_binary(client: Client, target: Path) -> Path:
    """The platform package holds the program itself; the main package's install script, which npm 11 blocks, only copies it."""
    pattern = client.binary.format(slug=platform_slug())
    found = sorted(target.glob(pattern))
    if not found:
        raise ClientUnavailable(f"{client.label}: no executable at {pattern}; remove {target} and try again")
    return found[0]


def _npm_install(client: Client, target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ClientUnavailable(f"{client.label}: npm is not on PATH")
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{client.label}-", dir=target.parent))
    try:
        _say(f"installing {client.package}@{client.version} into {target}")
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--loglevel=error"]
        command = [npm, "install", "--prefix", str(staging), *quiet, f"{client.package}@{client.version}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
        if done.returncode:
            raise ClientUnavailable(f"{client.label}: npm refused: {_reason(done.stderr)}")
        find_binary(client, staging)
        (staging / "ready").write_text(client.version + "\n")
        shutil.rmtree(target, ignore_errors=True)
        staging.rename(target)
    except subprocess.TimeoutExpired as error:
        raise ClientUnavailable(f"{client.label}: npm took longer than {error.timeout:.0f} s") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _venv_install(client: Client, target: Path) -> None:
    """In its place at once: the scripts of a virtual environment name the folder it was made in."""
    python = next((found for name in client.pythons if (found := shutil.which(name)) and _runs(found, name)), None)
    if python is None:
        raise ClientUnavailable(f"{client.label}: none of {', '.join(client.pythons)} is on PATH and runs")
    _say(f"installing {client.package}=={client.version} into {target}")
    shutil.rmtree(target, ignore_errors=True)
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        for command in ([python, "-m", "venv", str(target)], [*pip, f"{client.package}=={client.version}"]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
            if done.returncode:
                raise ClientUnavailable(f"{client.label}: {command[2]} refused: {_reason(done.stderr)}")
    except subprocess.TimeoutExpired as error:
        raise ClientUnavailable(f"{client.label}: its installation took longer than {error.timeout:.0f} s") from error
    (target / "ready").write_text(client.version + "\n")


def _runs(python: str, name: str) -> bool:
    """Whether it is that Python, with what makes virtual environments: a version manager leaves names that do not run."""
    done = subprocess.run([python, "-c", "import ensurepip, sys; print(sys.version)"], capture_output=True, text=True, timeout=60)
    return done.stdout.startswith(name.removeprefix("python") + ".")


def _reason(stderr: str) -> str:
    """npm's or pip's own words without the host it asked."""
    lines = [line for line in stderr.splitlines() if line.startswith(("npm error", "npm ERR!", "ERROR: ")) and "://" not in line]
    return " | ".join(line.split(" ", 2)[-1] for line in lines[:3]) or "no reason given"


def _check_version(client: Client, executable: Path) -> None:
    try:
        done = subprocess.run([str(executable), "--version"], capture_output=True, text=True, timeout=VERSION_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ClientUnavailable(f"{client.label}: {executable} --version took longer than {error.timeout:.0f} s") from error
    if client.version not in done.stdout:
        raise ClientUnavailable(f"{client.label}: {executable} says {done.stdout.strip() or done.stderr.strip()!r}")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def main(names: list[str]) -> int:
    status = 0
    for name in list(ALL) if names == ["all"] else names or list(CLIENTS):
        try:
            print(install(ALL[name]))
        except KeyError:
            _say(f"unknown client {name!r}: choose from {', '.join(ALL)}")
            return 2
        except ClientUnavailable as error:
            _say(f"unavailable: {error}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
