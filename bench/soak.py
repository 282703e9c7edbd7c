"""Hours of agents in minutes: 20 recorded panes that play films of real agents, 32 clients of the gateway, and the pages open.

``python -m bench soak``; SOAK_SECONDS: for how long (240), HOURS: of output in that time (6), PANES (20), BROWSERS that have a
page open (0). Says whether processor time and memory stay flat, how far the sidecar is behind, and compares every byte.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from bench.gateway import gateway, rows, server
from bench.soak_samples import Samples
from bench.stage import Stage
from bench.table import table
from procy.capture.progress import behind
from procy.capture.spool import Spool, spools
from procy.gateway import address
from procy.gateway.tokens import read_tokens
from procy.places import Places
from procy.recording.terminal import TerminalLog
from procy.store.db import open_reader
from tests.parse.films import films, load_film

SECONDS = float(os.environ.get("SOAK_SECONDS", "240"))
HOURS = float(os.environ.get("HOURS", "6"))
PANES = int(os.environ.get("PANES", "20"))
BROWSERS = int(os.environ.get("BROWSERS", "0"))
CATCH_UP_S = 300.0
PROGRAM = Path(__file__).with_name("soak_program.py")


def run() -> None:
    speed = HOURS * 3600 / SECONDS
    with ExitStack() as stack:
        stage = stack.enter_context(Stage("cat"))
        upstream = stack.enter_context(server("upstream"))
        places, _ = stack.enter_context(gateway(stage.root, f"http://127.0.0.1:{upstream[0]}"))
        recorded = record_panes(stage, speed)
        pages = stack.enter_context(pages_in_browsers(stage))
        calls = stack.enter_context(clients(places))
        before = rows(places)
        with Samples(lambda: processes(stage, places, pages), lambda: behind(places)) as samples:
            (stage.root / "go").touch()
            until_printed(stage)
            printed = time.monotonic()
        late_s = until_read(places, printed)
        made, median, worst = calls.communicate(timeout=60)[0].split()
        results = compare(places, stage, recorded)
        told = rows(places) - before
        show(samples, late_s, results)
        print(f"gateway: {made} calls, first byte after {float(median) * 1000:.1f} ms (99 %: {float(worst) * 1000:.1f} ms); "
              f"{told} rows")  # fmt: skip


def show(samples: Samples, late_s: float, results: Sequence[tuple[int, bool]]) -> None:
    size = sum(count for count, _ in results)
    columns = ("process", "count", "CPU of a core", "memory, MB", "last to second")
    table(f"{PANES} panes, {HOURS:g} hours of output in {SECONDS:.0f} s: {size / 1e6:.0f} MB ({size / SECONDS / 1e6:.1f} MB/s), "
          f"{os.cpu_count()} cores, by quarters", columns, samples.rows(), "flat")  # fmt: skip
    print(f"the sidecar was behind by at most, in MB, of all panes (of one), by quarters: {samples.behind_by_quarter()}")
    print(f"it had read everything {late_s:.1f} s after the last byte was printed")
    print(f"bytes: {sum(same for _, same in results)} of {len(results)} panes are byte for byte what was printed")


# -- the panes ----------------------------------------------------------------------------------------------------------


def record_panes(stage: Stage, speed: float) -> list[Spool]:
    """Each with the film of a real agent, which waits for its start."""
    paths = films()
    for number in range(PANES):
        reads = load_film(paths[number % len(paths)])
        pieces = [
            ((later.time_ns - sooner.time_ns) / 1e9, later.data) for sooner, later in zip([reads[0], *reads], reads, strict=False)
        ]
        (stage.root / f"film{number}").write_bytes(pickle.dumps(pieces))
        program = [sys.executable, "-S", str(PROGRAM), str(stage.root / f"film{number}"), str(stage.root / "go"),
                   str(stage.root / f"result{number}"), str(speed), str(SECONDS)]  # fmt: skip
        pane = stage.tmux("new-window", "-d", "-P", "-F", "#{pane_id}", *program).strip()
        stage.procy("record", "-t", pane)
    time.sleep(2)
    return [spool for spool in spools(stage.places.spool)]


def until_printed(stage: Stage) -> None:
    end = time.monotonic() + SECONDS + CATCH_UP_S
    while len(list(stage.root.glob("result*[0-9]"))) < PANES:
        if time.monotonic() > end:
            raise TimeoutError("the panes do not come to their end")
        time.sleep(0.2)


def until_read(places: Places, printed: float) -> float:
    """Seconds from the last byte printed to the last byte read."""
    calm = 0
    while calm < 3 and time.monotonic() - printed < CATCH_UP_S:
        waiting = sum(behind(places).values())
        calm = 0 if waiting else calm + 1
        if not waiting and calm == 1:
            done = time.monotonic()
        time.sleep(0.5)
    return done - printed


def compare(places: Places, stage: Stage, recorded: Sequence[Spool]) -> list[tuple[int, bool]]:
    """Of each pane: the bytes that were printed, and whether the recording has just these."""
    wanted = [(stage.root / f"result{number}").read_text().split() for number in range(PANES)]
    found = []
    with open_reader(places.db) as connection:
        for (count, digest, *_), spool in zip(wanted, recorded, strict=True):
            heard = hashlib.sha256()
            for read in TerminalLog(connection, places.spool, spool.session_id).reads():
                heard.update(read.data)
            found.append((int(count), heard.hexdigest() == digest))
    return found


# -- the rest -----------------------------------------------------------------------------------------------------------


def processes(stage: Stage, places: Places, pages: int) -> Mapping[str, Sequence[int]]:
    found: dict[str, list[int]] = {"tmux": [int(stage.tmux("display-message", "-p", "#{pid}"))]}
    found["taps"] = [state.pid for spool in spools(places.spool) if (state := spool.state())]
    with suppress(OSError, ValueError):
        found["sidecar"] = [int(Path(places.sidecar_lock).read_text())]
    if ours := address.running(places):
        found["gateway"] = [ours.pid]
        found["its writer"] = [child.pid for child in psutil.Process(ours.pid).children()]
    if pages:
        found["pages"] = [pages]
    return found


@contextmanager
def clients(places: Places) -> Iterator[subprocess.Popen[str]]:
    found = address.running(places)
    assert found is not None
    arguments = [str(found.ports["claude"]), f"/p/{read_tokens(places).general()}", str(SECONDS)]
    command = [sys.executable, "-m", "bench.soak_clients", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def pages_in_browsers(stage: Stage) -> Iterator[int]:
    """The pid of the pages' server, 0 without browsers. Each browser has the newest session's conversation open."""
    if not BROWSERS:
        yield 0
        return
    from procy.ui import address as ui_address
    from tests.ui.browser import Browser

    environment = {**stage.environment, "BROWSER": "true"}
    command = [sys.executable, "-m", "procy", "ui", "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with ExitStack() as stack:
        stack.callback(process.wait)
        stack.callback(process.terminate)
        assert process.stdout
        process.stdout.readline()
        found = ui_address.running(stage.places)
        assert found is not None
        for number in range(BROWSERS):
            browser = stack.enter_context(Browser(stage.root / f"browser{number}"))
            session = spools(stage.places.spool)[number].session_id
            browser.open(ui_address.sign_in_link(stage.places, found))
            browser.open(found.url(f"/-/procy/s/{session}"))
        yield process.pid
