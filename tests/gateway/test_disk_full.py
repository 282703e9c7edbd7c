"""A full disk under the gateway: calls go on, rows wait, and are written when there is room again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.gateway.lab import GatewayLab, Upstream, reply

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 8 MB, where this machine lets us mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=False)


def test_a_full_disk_holds_up_no_call_and_loses_none(small_disk: Path) -> None:
    upstream = Upstream(lambda heard, out: out.sendall(reply(os.urandom(3000).hex().encode())))
    try:
        with GatewayLab(small_disk, {"claude": upstream.url}) as lab:
            lab.post(b"{}")
            lab.rows()
            ballast = small_disk / "ballast"
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(b"x" * 4096):
                    pass
            for number in range(60):
                assert lab.post(b'{"n":%d}' % number)[0] == 200
            wait_until(lambda: "no room" in (lab.recorder.condition().error or ""), 30, "the trouble is said")
            ballast.unlink()
            assert len(lab.rows(61)) == 61
            assert lab.recorder.condition().error is None and lab.recorder.condition().lost == 0
            assert lab.read("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    finally:
        upstream.close()
