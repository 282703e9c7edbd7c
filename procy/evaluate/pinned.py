"""The evaluator's own files, kept by hash outside of every work tree.

They may not be written, and are checked before every run. Their folders may, or nobody could remove the data directory.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from procy.errors import EvaluatorError
from procy.git import remove_tree


def hashes_of(files: Mapping[str, Path]) -> dict[str, str]:
    """Path in the work tree → SHA-256 of the content and of whether it may be executed. Raises EvaluatorError."""
    return {name: hash_of(path) for name, path in sorted(files.items())}


def hash_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            digest = sha256(b"x" if os.fstat(file.fileno()).st_mode & stat.S_IXUSR else b"-")
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise EvaluatorError(f"cannot read {path}: {error.strerror}", "It is a file of the evaluator") from error
    return digest.hexdigest()


def keep(folder: Path, files: Mapping[str, Path], hashes: Mapping[str, str]) -> None:
    """Copy the files into ``folder``, for nobody to write. One that is whole there already stays. Raises EvaluatorError."""
    if folder.exists():
        if is_whole(folder, hashes):
            return
        remove_tree(folder)
    part = folder.parent / f".{folder.name}.{secrets.token_hex(4)}"
    try:
        for name, path in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part / name)
            os.chmod(part / name, 0o500 if path.stat().st_mode & stat.S_IXUSR else 0o400)
        part.mkdir(parents=True, exist_ok=True)
        if not is_whole(part, hashes):
            raise EvaluatorError("a file of the evaluator changed while it was read", "Try again")
        part.rename(folder)
    except OSError as error:
        raise EvaluatorError(f"cannot keep the evaluator in {folder.parent}: {error.strerror}", "Free disk space") from error
    finally:
        if part.exists():
            remove_tree(part)


def is_whole(folder: Path, hashes: Mapping[str, str]) -> bool:
    try:
        return all(hash_of(folder / name) == wanted for name, wanted in hashes.items())
    except EvaluatorError:
        return False


def lay(folder: Path, names: Iterable[str], tree: Path) -> None:
    """Put the pinned files into a checkout, whatever stands at their places, and through no symbolic link of it."""
    for name in names:
        place = tree
        for part in Path(name).parts[:-1]:
            place /= part
            if place.is_symlink() or (place.exists() and not place.is_dir()):
                place.unlink()
            place.mkdir(exist_ok=True)
        place /= Path(name).name
        if place.is_dir() and not place.is_symlink():
            remove_tree(place)
        place.unlink(missing_ok=True)
        shutil.copyfile(folder / name, place)
        os.chmod(place, 0o755 if (folder / name).stat().st_mode & stat.S_IXUSR else 0o644)
