"""One short trial of each kind; `make faults` plays many, at random instants."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.faults import clock, trials
from tests.faults.injections import PANE, SPOOL, set_clock_back
from tests.faults.planes import gateway, pages, stream
from tests.faults.verdict import Verdict, find_holes, judge

pytestmark = pytest.mark.faults
FAULTS = {fault.name: fault for fault in PANE}


def check(verdict: Verdict) -> None:
    assert verdict.faults and not verdict.wrong


def test_a_pane(tmp_path: Path) -> None:
    faults = [FAULTS["kill the tap's loop"], FAULTS["kill tap and sidecar"], SPOOL]
    check(trials.pane(tmp_path / "t", "1", faults, seconds=1.5))


@pytest.mark.parametrize("then", ["kill sidecar", "kill loop and tap"])
def test_a_clock_that_is_set_back_delays_nothing(tmp_path: Path, then: str) -> None:
    if not clock.library():
        pytest.skip("no C compiler: the clock cannot be made to jump here")
    scene = trials.clocked(tmp_path / "t", "1")
    try:
        scene.begin(1.5)
        set_clock_back(scene)
        time.sleep(0.3)
        FAULTS[then].do(scene)
        time.sleep(0.3)
        wait_until(lambda: scene.lab.sidecar_pid() and scene.spool.tap_is_running(), 15, f"both again\n{scene.lab.log()}")
        scene.finish()
        assert not judge(scene, may_lose=FAULTS[then].loses, cut_short=False).wrong
    finally:
        scene.close()


@pytest.mark.parametrize("trial", [stream, gateway, pages])
def test_a_plane(tmp_path: Path, trial: trials.Trial) -> None:
    check(trial(tmp_path / "t", "1"))


@pytest.mark.parametrize(
    ("recorded", "gaps", "holes"),
    [
        (b"abcdefgh", [], []), (b"abcgh", [3], [(3, 6)]), (b"abcd", [4], [(4, 8)]), (b"abcd", [], [(4, 8)]),
        (b"cdefgh", [0], [(0, 2)]),
        (b"abcgh", [2], None), (b"abcdefgh!", [], None), (b"abXdefgh", [2], None), (b"adgh", [1, 2], [(1, 3), (4, 6)]),
    ],
)  # fmt: skip
def test_holes_are_found_where_they_are_told(recorded: bytes, gaps: list[int], holes: list[tuple[int, int]] | None) -> None:
    assert find_holes(b"abcdefgh", recorded, gaps) == holes
