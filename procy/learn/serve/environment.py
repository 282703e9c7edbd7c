"""The Pythons that have torch or an engine, and the programs of ``train/`` that run in them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from procy.errors import ServeError
from procy.learn.train.scripts import made_by_setup, scripts_folder, training_python
from procy.places import Places
from procy.settings import Settings


def program(name: str) -> Path:
    """A file of ``train/``. Raises ProcyError."""
    return scripts_folder() / name


def pythons(places: Places, settings: Settings) -> list[str]:
    """Where to look for an engine, in turn."""
    own = [made_by_setup(places), Path(__file__).parents[3] / ".venv-train"]
    given = [settings.serve.python, settings.train.python, *(str(folder / "bin" / "python") for folder in own)]
    return [one for one in given if one]


def trainer(places: Places, settings: Settings) -> str:
    """The Python with torch and peft; that of the engine where only that one is named. Raises ProcyError."""
    if not settings.train.python and has(Path(settings.serve.python).expanduser(), "peft"):
        return str(Path(settings.serve.python).expanduser())
    return training_python(places, settings)


def has(python: Path, package: str) -> bool:
    """By its folder: importing torch takes seconds."""
    return python.is_file() and any(python.parent.parent.glob(f"lib/*/site-packages/{package}"))


def run(python: str, script: str, *words: str) -> str:
    """What a program of ``train/`` prints. Raises ServeError with the last line of what it said."""
    done = subprocess.run(
        [python, str(program(script)), *words],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise ServeError(f"train/{script} failed: {lines[-1] if lines else f'exit status {done.returncode}'}")
    return done.stdout
