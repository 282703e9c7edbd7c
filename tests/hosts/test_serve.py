"""A model served on a host: files brought there, a server that stays, a tunnel that comes back after the link broke."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from procy.errors import ServeError
from procy.learn.serve import stop, tunnel
from procy.learn.serve.client import Client
from procy.learn.serve.start import serve
from procy.learn.serve.wish import Wish, draft
from procy.places import Places, make_home
from procy.settings import Settings
from procy.settings.evolve import HostSettings
from procy.settings.serve import ServeSettings
from procy.store.db import open_writer
from tests.conftest import wait_until
from tests.hosts.conftest import Sshd
from tests.learn.models import make_adapter, make_base, make_engine


@pytest.fixture
def places(tmp_path: Path) -> Places:
    home = tmp_path / "here"
    places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(tmp_path / "config.toml"))
    make_home(places)
    open_writer(places.db).close()
    return places


@pytest.fixture
def settings(sshd: Sshd, tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Those of this process, and in the file those of the tunnel's."""
    python = make_engine(tmp_path)
    monkeypatch.setattr("procy.learn.serve.place.BESIDE", str(tmp_path / "beside"))
    host = sshd.host()
    options = json.dumps(list(host.options))
    Path(places.config).write_text(f'[hosts.big]\nssh = "big"\noptions = {options}\n[serve]\npython = "{python}"\n')
    settings = Settings(serve=ServeSettings(engine="vllm", python=str(python)), hosts={"big": host})
    yield settings
    stop.stop(places, settings)


def test_a_model_on_a_host(places: Places, settings: Settings, tmp_path: Path) -> None:
    base = make_base(tmp_path / "models")
    adapter = make_adapter(base, "first")
    found = draft(places, settings, Wish(adapter=str(adapter), where="ssh:big", patience_s=60))
    row = serve(places, settings, found, lambda text: None)
    assert (row["place"], row["status"]) == ("ssh:big", "ready")
    assert row["url"] != f"http://127.0.0.1:{row['server']['port']}/v1"
    brought = list((tmp_path / "beside" / "adapters").iterdir())
    assert [path.name for path in brought] == [f"{adapter.name}-{(adapter.name + 'x' * 64)[:12]}"]
    assert sorted(path.name for path in brought[0].iterdir()) == sorted(path.name for path in adapter.iterdir())
    client = Client(row["url"])
    assert stop.is_here(row)
    assert stop.is_alive(settings, row)

    keeper = psutil.Process(row["server"]["tunnel"]["pid"])
    [link] = keeper.children()
    os.kill(link.pid, signal.SIGKILL)
    wait_until(lambda: not client.healthy() or keeper.children()[:1] != [link], what="the link to break")
    wait_until(client.healthy, 60, "the link to come back")

    stop.stop(places, settings)
    assert not stop.is_here(row)
    assert not stop.is_alive(settings, row)
    assert not client.healthy()


def test_the_words_of_the_tunnel_are_data() -> None:
    words = tunnel.words(HostSettings("big", "me@big", options=("-p", "22")), 9000, 8000)
    assert words[0] == "ssh"
    assert words[-3:] == ["-p", "22", "me@big"]
    assert "127.0.0.1:9000:127.0.0.1:8000" in words
    assert "ClearAllForwardings=yes" not in words
    assert words.count("-o") == sum(1 for word in words if "=" in word)


def test_a_destination_is_no_option(places: Places) -> None:
    with pytest.raises(ServeError, match="there is no place"):
        draft(places, Settings(), Wish(base="/model", where="ssh:-oProxyCommand=x"))
