"""The pages of the hour, as a browser shows them."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.guide.desk import Desk, Failed
from tests.ui.browser import Browser, find_chromium
from tests.ui.conftest import ServerProcess

SIZE = (1180, 760)
PICTURES = ("sessions", "conversation", "terminal", "correction", "run", "training", "procy")
PLAYED = "document.querySelector('.ap-term') && document.querySelector('.ap-term').textContent.trim().length > 200"


def take(desk: Desk, folder: Path) -> None:
    """Write all ``PICTURES`` into the folder."""
    if find_chromium() is None:
        raise Failed("there is no Chromium: apt install chromium")
    turn = desk.rows("SELECT id, session_id FROM turns WHERE seq = 2")[0]
    run = desk.rows("SELECT id FROM runs")[0]["id"]
    with tempfile.TemporaryDirectory() as profile, served(desk) as server, Browser(Path(profile)) as tab:
        tab.size(*SIZE)
        tab.scheme("dark")
        tab.open(server.link)
        tab.wait("location.pathname == '/-/procy'")
        views = Views(tab, f"{server.base}/-/procy", turn, str(run), folder)
        for name in PICTURES:
            getattr(views, name)()
            tab.js("new Promise(done => setTimeout(done, 400))")  # what fades has faded
            if name != "procy":
                tab.shot(folder / f"{name}.png")
        if tab.errors:
            raise Failed(f"a page complained: {tab.errors}")


@contextmanager
def served(desk: Desk) -> Iterator[ServerProcess]:
    before = os.environ["HOME"]
    os.environ["HOME"] = str(desk.root)  # for ~ in paths
    try:
        server = ServerProcess(desk.places)
        yield server
        server.stop()
    finally:
        os.environ["HOME"] = before


class Views:
    """Bring a page into view, by its picture's name."""

    def __init__(self, tab: Browser, base: str, turn: dict[str, object], run: str, folder: Path) -> None:
        self.tab, self.base, self.folder = tab, base, folder
        self.session_page, self.run_page = f"{base}/s/{turn['session_id']}", f"{base}/run/{run}"
        self.terminal_page = f"{self.session_page}/terminal?turn={turn['id']}"

    def sessions(self) -> None:
        self.tab.open(self.base)
        self.tab.wait("document.querySelectorAll('.session').length > 1")

    def conversation(self) -> None:
        self.tab.open(f"{self.session_page}?after=0")
        self.tab.wait("document.querySelectorAll('.turn').length >= 4")
        self.tab.press("g", "j")

    def terminal(self) -> None:
        self.tab.open(self.terminal_page)
        self.tab.wait(PLAYED, 20)
        self.tab.click(".ends button:last-child")
        self.tab.wait("document.querySelector('.ap-term').textContent.includes('Shall I make it')")

    def correction(self) -> None:
        self.tab.open(f"{self.session_page}?after=0")
        self.tab.wait("document.querySelectorAll('.turn').length >= 4")
        self.tab.press("g", "j", "c")
        self.tab.wait("document.querySelector('form.corrector')")
        self.tab.js(
            "{const field = document.querySelector('form.corrector').elements.chosen;"
            "field.value = 'Add tests for upper and lower case and for punctuation, one assertion each';"
            "field.dispatchEvent(new Event('input', {bubbles: true}))}"
        )
        self.tab.wait("document.querySelector('form.corrector .change').textContent.includes('punctuation')")

    def run(self) -> None:
        self.tab.open(self.run_page)
        self.tab.wait("document.querySelectorAll('figure svg, .curve svg').length > 0")

    def training(self) -> None:
        self.tab.open(f"{self.base}/training")
        self.tab.wait("document.readyState == 'complete'")

    def procy(self) -> None:
        """Conversation and terminal side by side, for README."""
        urls = [
            "data:image/png;base64," + base64.b64encode((self.folder / f"{name}.png").read_bytes()).decode()
            for name in ("conversation", "terminal")
        ]
        images = "".join(f'<img src="{url}" style="width:50%">' for url in urls)
        self.tab.size(1440, round(1440 / 2 * SIZE[1] / SIZE[0]))
        self.tab.open("about:blank")
        self.tab.js(f"document.body.style.margin = 0; document.body.innerHTML = {images!r}")
        self.tab.wait("[...document.images].every(image => image.complete)")
        self.tab.shot(self.folder / "procy.png")
