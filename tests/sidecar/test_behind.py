"""Whether the sidecar keeps up is told: by procy status and procy doctor, and nothing is lost where it does not."""

from __future__ import annotations

import json
import os
import signal

from tests.conftest import Lab, wait_until


def test_how_far_it_is_behind_is_told(shell: Lab) -> None:
    spool = shell.record()
    shell.type("echo before")
    shell.until_turns(1)
    wait_until(lambda: behind(shell) == 0, what="a sidecar that keeps up")
    sidecar = shell.sidecar_pid()
    os.kill(sidecar, signal.SIGSTOP)
    try:
        shell.type("head -c 10000000 /dev/zero | tr '\\0' x; echo all''printed")
        shell.wait_for("allprinted", 60)
        wait_until(lambda: behind(shell) > 10_000_000, what="how much waits")
        assert "MB behind" in shell.procy("status").stdout
        found = json.loads(shell.procy("doctor", "--json", check=False).stdout)
        assert [one["level"] for one in found if f"MB behind what {shell.pane} printed" in one["what"]] == ["note"]
    finally:
        os.kill(sidecar, signal.SIGCONT)
    wait_until(lambda: behind(shell) == 0, 60, "a sidecar that has caught up")
    assert "MB behind" not in shell.procy("status").stdout + shell.procy("doctor", check=False).stdout
    assert spool.state().end > 10_000_000  # type: ignore[union-attr]


def behind(lab: Lab) -> int:
    (session,) = json.loads(lab.procy("status", "--json").stdout)["sessions"]
    return int(session["behind_bytes"] or 0)
