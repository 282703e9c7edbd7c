"""What `make install` does: a link on the PATH, words where it is not, and nothing of anybody else's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "with blank" / "procy"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\necho it runs\n")
    path.chmod(0o755)
    return path


def link(program: Path, directory: Path, path: str = os.defpath) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(ROOT / "scripts" / "link.sh"), str(program), str(directory)]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": path}, timeout=30)


def test_procy_is_linked_and_the_path_is_spoken_of(program: Path, tmp_path: Path) -> None:
    there = tmp_path / "my bin"
    done = link(program, there)
    assert done.returncode == 0 and f'PATH="{there}:$PATH"' in done.stderr
    assert subprocess.run([there / "procy"], capture_output=True, text=True).stdout == "it runs\n"
    again = link(program, there, f"{os.defpath}:{there}")
    assert again.returncode == 0 and "does not look there" not in again.stderr


def test_what_stands_there_stays(program: Path, tmp_path: Path) -> None:
    (tmp_path / "procy").write_text("mine")
    done = link(program, tmp_path)
    assert done.returncode == 1 and "is there already" in done.stderr
    assert (tmp_path / "procy").read_text() == "mine"
    (tmp_path / "procy").unlink()
    (tmp_path / "procy").symlink_to("/nowhere/else")
    assert link(program, tmp_path).returncode == 1
    assert os.readlink(tmp_path / "procy") == "/nowhere/else"


def need(tmp_path: Path, *there: str, user: int = 1000) -> subprocess.CompletedProcess[str]:
    """``scripts/need.sh`` for a program that is missing, where these programs are and nothing else."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "id").write_text(f"#!/bin/sh\necho {user}\n")
    for name in there:
        (place / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\n[ {name} != sudo ] || exec "$@"\n')
    (place / "env").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    for path in place.iterdir():
        path.chmod(0o755)
    command = ["/bin/sh", str(ROOT / "scripts" / "need.sh"), "nothing", "nothing-package"]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": str(place)}, timeout=30)


@pytest.mark.parametrize(("user", "there"), [(0, ("apt-get",)), (1000, ("apt-get", "sudo"))])
def test_what_is_missing_is_installed_aloud(tmp_path: Path, user: int, there: tuple[str, ...]) -> None:
    done = need(tmp_path, *there, user=user)
    assert done.returncode == 0 and "nothing is missing; installing with:" in done.stderr
    assert "apt-get install -y -qq --no-install-recommends nothing-package" in (tmp_path / "calls").read_text()


def test_who_may_not_install_is_told_what_root_would_type(tmp_path: Path) -> None:
    done = need(tmp_path, "apt-get")
    assert done.returncode == 1 and done.stderr.strip().endswith("as root: apt-get install nothing-package")
    assert "not found" not in done.stderr and not (tmp_path / "calls").exists()
