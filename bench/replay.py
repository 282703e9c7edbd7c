"""How soon a recording can be played and sought, in a browser. ``python -m bench replay [MB …]``

From the click to the first screen, and from there to the screen at nine tenths. The reference is a page of ours with nothing
on it, fetched by the same browser in the same run.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from bench.corpus import START_NS, Prose
from bench.pages import places_in
from bench.table import table
from procy.places import Places
from procy.store import write
from procy.store.blobs import BLOCK_BYTES, pack_block
from procy.store.db import open_writer
from procy.types import Picture, Read, Turn
from procy.ui import address
from procy.ui.launch import build
from tests.ui.browser import Browser, find_chromium, until

SIZES = (5, 50)  # MB
RUNS = 7
COLUMNS, ROWS = 120, 40
TURN_BYTES = 280_000  # as in a recording of 50 MB and 181 turns
WATCH = """
window.readyAt = 0;
const look = () => {
  if (document.querySelector(".ap-term")?.textContent.trim()) window.readyAt = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def run(*sizes: int) -> None:
    if not find_chromium():
        print("replay: no Chromium on this machine", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory(prefix="procy-bench-") as root:
        places = places_in(Path(root) / "home")
        sessions = {size: make_recording(places, size * 1_000_000) for size in sizes or SIZES}
        with Served(places) as served, Browser(Path(root) / "chromium") as browser:
            served.sign_in(browser)
            browser.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
            nothing = statistics.median(loaded(browser, f"{served.base}/-/procy/search") for _ in range(RUNS))
            rows = []
            for size, session in sessions.items():
                page = f"{served.base}/-/procy/s/{session}/terminal"
                for name, query in (("whole session", "?whole=1"), ("newest turn", "")):
                    times = [opened(browser, page + query) for _ in range(RUNS)]
                    ready, sought = (statistics.median(column) for column in zip(*times, strict=True))
                    rows.append([f"{size} MB", name, f"{ready:.0f} ms", f"{ready / nothing:.1f} ×", f"{sought:.0f} ms"])
    rows.append(["", "a page with nothing on it", f"{nothing:.0f} ms", "1 ×", ""])
    table(
        "replay", ("recording", "page", "first screen", "to an empty page", "then to 90 %"), rows, "50 MB: first screen ≤ 300 ms"
    )


def loaded(browser: Browser, url: str) -> float:
    browser.open("about:blank")
    browser.open(url)
    return float(browser.wait("performance.getEntriesByType('navigation')[0].loadEventEnd") and browser.js(
        "performance.getEntriesByType('navigation')[0].loadEventEnd"))  # fmt: skip


def opened(browser: Browser, url: str) -> tuple[float, float]:
    """Milliseconds to the first screen, and from a click to the one at nine tenths."""
    browser.open("about:blank")
    browser.open(url)
    browser.wait("window.readyAt && window.procyPlayer", 60)
    ready = float(browser.js("window.readyAt"))
    sought = browser.js(
        "(async () => { await procyPlayer.pause(); const began = performance.now(); await procyPlayer.seek('90%'); "
        "return performance.now() - began; })()"
    )
    return ready, float(sought)


def make_recording(places: Places, size: int) -> str:
    """A session of a full-screen agent: lines that scroll, a status line that is drawn again and again, pauses."""
    connection = open_writer(places.db)
    session = f"RECORDING{size}"
    values = {"agent": "claude-code", "name": f"{size // 1_000_000} MB", "status": "ended", "started_at": write.iso(START_NS)}
    with write.transaction(connection):
        write.put_session(connection, session, {**values, "terminal_bytes": size, "columns": COLUMNS, "rows": ROWS})
        waiting: list[Read] = []
        for one in output(size):
            waiting.append(one)
            if one.end - waiting[0].offset >= BLOCK_BYTES:
                write.add_block(connection, session, pack_block(waiting, Picture(COLUMNS, ROWS, b"\x1b[2J\x1b[Ha screen")))
                waiting = []
        if waiting:
            write.add_block(connection, session, pack_block(waiting, Picture(COLUMNS, ROWS, b"\x1b[2J\x1b[Ha screen")))
        for number, place in enumerate(range(0, size, TURN_BYTES)):
            started = START_NS + number * 60_000_000_000
            turn = Turn(
                key=f"{number}", prompt=f"prompt {number + 1}", response="done", status="done", started_ns=started,
                ended_ns=started + 1, terminal_from=place, terminal_to=min(place + TURN_BYTES, size),
            )  # fmt: skip
            write.put_turn(connection, session, turn, mask=str, cost=None)
    connection.close()
    return session


def output(size: int) -> Iterator[Read]:
    prose, chance = Prose(size), random.Random(size)
    lines = [f"\x1b[3{chance.randint(1, 6)}m●\x1b[0m {prose.words(14)}\r\n" for _ in range(2_000)]
    offset, time_ns, number = 0, START_NS, 0
    while offset < size:
        number += 1
        text = "".join(chance.choices(lines, k=10)) + f"\x1b[s\x1b[{ROWS};1H\x1b[7m {number} tokens \x1b[0m\x1b[K\x1b[u"
        data = text.encode()[: size - offset]
        yield Read(time_ns, offset, COLUMNS, ROWS, data)
        offset += len(data)
        time_ns += chance.choice((8, 16, 40, 40, 120, 9_000)) * 1_000_000


class Served:
    """The pages in a thread of this process."""

    def __init__(self, places: Places) -> None:
        self.datasette = build(places)
        listener = address.listen(0)
        self.base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(self.datasette.app(), log_level="error", timeout_graceful_shutdown=1))
        self.thread = threading.Thread(target=lambda: self.server.run(sockets=[listener]))

    def __enter__(self) -> Served:
        self.thread.start()
        until(lambda: self.server.started, "the pages do not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)

    def sign_in(self, browser: Browser) -> None:
        cookie = self.datasette.client.actor_cookie({"id": "owner"})
        browser.call("Network.setCookie", name="ds_actor", value=cookie, url=self.base)


if __name__ == "__main__":
    run(*(int(number) for number in sys.argv[1:]))
