"""A full disk: the agent goes on, what was lost is counted and said, what was written stays."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Lab, wait_until
from tests.faults.disk import SmallDisk, small_disk

pytestmark = pytest.mark.faults


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small", 24) as disk:
        yield disk or pytest.skip("no tmpfs can be mounted here")


def test_full_disk_is_said_counted_and_got_over(disk: SmallDisk) -> None:
    lab = Lab(disk.place)
    try:
        lab.start()
        lab.tmux("set-option", "-g", "display-time", "20000")
        spool = lab.record()
        lab.type("echo before")
        lab.until_turns(1)
        disk.fill()
        lab.type("seq 1 2000000; echo the agent''s fine")
        lab.wait_for("the agents fine", 30)
        state = wait_until(lambda: (state := spool.state()) and state.lost and state)
        disk.free()
        lab.type("clear")
        wait_until(lambda: lab.rows("SELECT 1 FROM pane_events WHERE kind = 'gap' AND screen IS NOT NULL"), 30)
        lab.type("echo after")
        wait_until(lambda: "echo after" in [turn["prompt"] for turn in lab.turns()], 30)
        gaps = [json.loads(str(row["detail"])) for row in lab.rows("SELECT detail FROM pane_events WHERE kind = 'gap'")]
        lost = sum(gap.get("bytes", 0) for gap in gaps if gap["cause"] == "the disk was full")
        assert lost >= state.lost > 0  # type: ignore[attr-defined]
        assert spool.state().lost == 0  # type: ignore[union-attr]
        assert len(gaps) < 10, "one loss is told as one, not as hundreds"
        assert lab.turns()[0]["prompt"] == "echo before"
        assert lab.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    finally:
        lab.stop()
        os.sync()
