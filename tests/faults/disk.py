"""A disk that can be full: a small tmpfs, or where none can be mounted a limit on the size of files that our processes write."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.faults.scene import Scene


class Disk(Protocol):
    kind: str

    @property
    def place(self) -> Path | None: ...

    def fill(self, scene: Scene) -> None: ...

    def free(self, scene: Scene) -> None: ...


class SmallDisk:
    """``place`` is a tmpfs."""

    kind = "tmpfs"

    def __init__(self, place: Path) -> None:
        self.place = place
        self.ballast = place / "ballast"

    def fill(self, scene: Scene | None = None) -> None:
        with self.ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                with suppress(OSError):
                    while file.write(b"x" * size) == size:
                        pass

    def free(self, scene: Scene | None = None) -> None:
        self.ballast.unlink(missing_ok=True)


class Limit:
    """RLIMIT_FSIZE of the tap, its loop and the sidecar: a write fails with "file too large", which is no less of an error."""

    kind = "RLIMIT_FSIZE"
    place = None

    def fill(self, scene: Scene) -> None:
        self.set(scene, 1)

    def free(self, scene: Scene) -> None:
        self.set(scene, resource.RLIM_INFINITY)

    def set(self, scene: Scene, limit: int) -> None:
        for pid in (scene.loop(), scene.tap(), scene.lab.sidecar_pid()):
            with suppress(OSError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[SmallDisk | None]:
    """None where this machine lets nobody mount one."""
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        yield None
        return
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "-l", place], check=False)
