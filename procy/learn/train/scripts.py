"""The scripts that train, and the environment of theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import procy
from procy.errors import MissingExtra, ProcyError
from procy.places import Places
from procy.settings import Settings

NAMES = ("*.py", "requirements.txt", "accelerate/*.yaml")  # that travel


def scripts_folder() -> Path:
    """``train``: inside the installed package, else beside it in the repository. Raises MissingExtra."""
    package = Path(procy.__file__).resolve().parent
    for folder in (package / "train", package.parent / "train"):
        if (folder / "run.py").is_file():
            return folder
    raise MissingExtra("procy's training scripts are not installed", "Install procy again, from a wheel or with pip install -e")


def files_to_send() -> list[tuple[str, Path]]:
    """(name below ``train``, path) of each script."""
    folder = scripts_folder()
    found = sorted(path for pattern in NAMES for path in folder.glob(pattern))
    return [(path.relative_to(folder).as_posix(), path) for path in found]


def made_by_setup(places: Places) -> Path:
    return Path(places.home) / "train-env"


def training_python(places: Places, settings: Settings) -> str:
    """The interpreter that has torch: of the settings, of ``procy train setup``, of ``make train-env``. Raises ProcyError."""
    if settings.train.python:
        if not os.access(settings.train.python, os.X_OK):
            raise ProcyError(f"there is no Python at {settings.train.python}", f"Correct [train] python in {places.config}")
        return settings.train.python
    for folder in (made_by_setup(places), scripts_folder().parent / ".venv-train"):
        if (folder / ".complete").exists():
            return str(folder / "bin" / "python")
    raise ProcyError("there is no environment to train in", "Make one, with torch in it (1.5 GB or more): procy train setup")


def set_up(places: Places, python: str, torch: str) -> Path:
    """Make the environment and install what the scripts need; what pip says goes to standard error. ``torch``: its requirement;
    "": the pinned one. Raises ProcyError."""
    folder = made_by_setup(places)
    requirements = scripts_folder() / "requirements.txt"
    lines = [line for line in requirements.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    first = torch or next(line for line in lines if line.startswith("torch=="))
    others = [line for line in lines if not line.startswith("torch==")]
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    for command in ([python or sys.executable, "-m", "venv", str(folder)], [*pip, first], [*pip, *others]):
        try:
            code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
        except OSError as error:
            raise ProcyError(f"{command[0]} cannot be run ({error.strerror})", "Name another one: --python PATH") from error
        if code:
            raise ProcyError(
                f"{' '.join(command[:6])} … ended with {code}", "What it said is above; then again: procy train setup"
            )
    (folder / ".complete").touch()
    return folder
