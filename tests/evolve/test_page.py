"""A run that is stopped, gone on with and applied from its page: by a server that knows neither tmux nor the pane's PATH."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.conftest import wait_until
from tests.evolve.conftest import Bench
from tests.ui.conftest import Served


@pytest.fixture
def pages(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    for name in ("TMUX", "TMUX_PANE", "PROCY_DEMO_TRANSCRIPTS"):
        monkeypatch.delenv(name, raising=False)
    bench.lab.environment["PANE_HAS"] = "a key"
    bench.begin(hold=True)
    served = Served(bench.lab.places)
    served.sign_in()
    yield served
    served.stop()


def order(pages: Served, path: str, **values: str) -> str:
    request = urllib.request.Request(f"{pages.base}/-/procy/do/{path}", urlencode(values or {"x": ""}).encode())
    with pages.opener.open(request, timeout=60) as response:
        return str(json.load(response)["done"])


def test_a_stopped_run_goes_on_from_the_page(bench: Bench, pages: Served) -> None:
    bench.evolve("1", "--yes")
    bench.until_step("wait")
    run = bench.run()["id"]
    assert "interrupted: try 1" in pages.get(f"/-/procy/run/{run}/stop?part=1")
    order(pages, f"run/{run}/stop")
    bench.until("stopped")
    assert order(pages, f"run/{run}/resume") == "The run goes on."
    pid = int(Path(bench.lab.places.run_lock(run)).read_text())
    environment = dict(line.partition("=")[::2] for line in Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in line)
    assert environment["PANE_HAS"] == "a key" and environment["PATH"] == bench.lab.environment["PATH"]
    bench.let_go()
    found = bench.until("done")
    assert [row["decision"] for row in found["tries"]] == ["kept", "kept"] and bench.state() == bench.before
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), 10, "the end of the process, buried by the server")
    best = found["best_try_id"]
    assert "wordcount.py" in pages.get(f"/-/procy/try/{best}/apply?part=1")
    assert order(pages, f"try/{best}/apply", how="files") == "Changed wordcount.py."
    assert bench.repo.run("status", "--porcelain").split() == ["M", "wordcount.py"]
