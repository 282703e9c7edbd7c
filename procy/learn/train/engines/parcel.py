"""What travels to another machine: scripts, data, and what is to be done; and the adapter that comes back."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from procy.errors import ProcyError
from procy.learn.train.plan import ADAPTER
from procy.learn.train.scripts import files_to_send


def contents(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, path)."""
    for name, path in files_to_send():
        yield f"train/{name}", path
    yield "run.json", folder / "run.json"
    for path in sorted((folder / "data").rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def as_tar(folder: Path) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for name, path in contents(folder):
            archive.add(path, name)
    return whole.getvalue()


def as_zip(folder: Path) -> bytes:
    """The same bytes for the same files."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in contents(folder):
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def unpack_adapter(stream: IO[bytes], folder: Path) -> None:
    """A tar with ``adapter``, put in its place when all of it is there. Raises ProcyError."""
    beside = folder / ".fetched"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as archive:
            for member in archive:
                if member.isfile() and member.name.removeprefix("./").startswith(f"{ADAPTER}/"):
                    put(archive, member, beside)
    except (tarfile.TarError, EOFError) as error:
        raise ProcyError(f"the adapter did not come whole ({error})", "Fetch it again: procy train resume") from error
    if not (beside / ADAPTER / "procy.json").is_file():
        raise ProcyError("the adapter did not come whole", "Fetch it again: procy train resume")
    shutil.rmtree(folder / ADAPTER, ignore_errors=True)
    os.replace(beside / ADAPTER, folder / ADAPTER)
    shutil.rmtree(beside, ignore_errors=True)


def put(archive: tarfile.TarFile, member: tarfile.TarInfo, beside: Path) -> None:
    """One file, which may not lie elsewhere."""
    target = (beside / member.name.removeprefix("./")).resolve()
    source = archive.extractfile(member)
    if source is None or not target.is_relative_to(beside.resolve()):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "wb") as file:
        shutil.copyfileobj(source, file)
