"""One server a database, found by whoever may read the data directory."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from procy.ui import address
from procy.ui.address import Claim, Server

from .sample import places_in


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def release(claim: Claim) -> None:
    os.close(claim.lock)
    claim.listener.close()


def test_the_first_serves_and_the_second_finds_it(home: Path) -> None:
    places = places_in(home)
    assert address.running(places) is None
    claim = address.claim(places, 0)
    assert claim is not None
    assert address.running(places) == claim.server
    assert address.claim(places, 0) is None
    release(claim)
    assert address.running(places) is None
    again = address.claim(places, 0)
    assert again is not None and again.server.start != claim.server.start
    release(again)


def test_another_database_of_the_same_home_has_a_server_of_its_own(home: Path) -> None:
    claim = address.claim(places_in(home), 0)
    other = address.claim(places_in(home)._replace(db=str(home / "other.db")), 0)
    assert claim and other and claim.server.port != other.server.port
    release(claim)
    release(other)


def test_a_taken_port_is_left_to_whom_it_belongs(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        claim = address.claim(places_in(home), port)
        assert claim is not None and claim.server.port != port
        assert claim.listener.getsockname() == ("127.0.0.1", claim.server.port)
        release(claim)


def test_secret_and_state_are_the_owners_alone(home: Path) -> None:
    places = places_in(home)
    claim = address.claim(places, 0)
    assert claim is not None
    secret = address.read_secret(places)
    assert len(secret) == 64 and address.read_secret(places) == secret
    for name in ("ui.secret", "ui.json"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    release(claim)


def test_a_link_names_the_page_and_no_secret(home: Path) -> None:
    places = places_in(home)
    link = address.sign_in_link(places, Server(1, 7862, "start", "0"), "/-/procy/s/A B")
    assert link.startswith("http://127.0.0.1:7862/-/procy/sign-in?key=start.") and link.endswith("&next=/-/procy/s/A%20B")
    assert address.read_secret(places) not in link


@pytest.mark.parametrize("key", ["", "x", "a.b", "start.notanumber.name.signature", "start.1.name.", "é.1.2.3"])
def test_nonsense_is_no_key(key: str) -> None:
    assert address.check_key("secret", "start", key, 0) is None
