"""A full disk under the gateway: calls go on, rows wait, and are written when there is room again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.faults.disk import SmallDisk, small_disk
from tests.gateway.lab import GatewayLab, Upstream, reply

pytestmark = pytest.mark.faults


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small", 8) as disk:
        yield disk or pytest.skip("no tmpfs can be mounted here")


def test_a_full_disk_holds_up_no_call_and_loses_none(disk: SmallDisk) -> None:
    upstream = Upstream(lambda heard, out: out.sendall(reply(os.urandom(3000).hex().encode())))
    try:
        with GatewayLab(disk.place, {"claude": upstream.url}) as lab:
            lab.post(b"{}")
            lab.rows()
            disk.fill()
            for number in range(60):
                assert lab.post(b'{"n":%d}' % number)[0] == 200
            wait_until(lambda: "no room" in (lab.recorder.condition().error or ""), 30, "the trouble is said")
            disk.free()
            assert len(lab.rows(61)) == 61
            assert lab.recorder.condition().error is None and lab.recorder.condition().lost == 0
            assert lab.read("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    finally:
        upstream.close()
