"""Nobody sees anything of ours without signing in, under a foreign name, or with another Datasette's cookie."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest
from datasette.plugins import pm

from procy.ui import guard
from procy.ui.address import check_key, read_secret, sign_in_link

from .conftest import SERVER, Site
from .sample_runs import RUN, try_id
from .test_gateway import record

CALL = f"01K{1:023d}"
EXAMPLES = {
    "part": "call-1",
    "path": "procy.css",
    "correction": "none",
    "version": "0" * 12,
    "step": "0",
    "call": CALL,
    "training": "none",
}
SIGN_IN = "/-/procy/sign-in"
OPEN = (SIGN_IN, "/-/procy/static/procy.css", "/-/procy/static/~000000000000/procy.css")


def our_routes(site: Site) -> list[str]:
    """Every address that our plugins register, with examples in the place of its variables."""
    found = []
    for plugin in pm.get_plugins():
        if (
            getattr(plugin, "__file__", None)
            and "datasette_plugins" in str(plugin.__file__)
            and hasattr(plugin, "register_routes")
        ):
            found += [pattern for pattern, _ in plugin.register_routes()]
    values = {**EXAMPLES, "session": site.session, "turn": site.turns[1], "run": RUN, "try": try_id(2)}
    return [
        re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", lambda match: values[match[1]], one).rstrip("$").replace("\\", "")
        for one in found
    ]


def pages_of(site: Site) -> list[str]:
    return [route for route in our_routes(site) if "/do/" not in route]


def orders_of(site: Site) -> list[str]:
    """The addresses that change something."""
    return [route for route in our_routes(site) if "/do/" in route]


def test_every_route_of_ours_is_known_and_answers_the_owner(site: Site) -> None:
    assert record(site.places) == CALL
    routes = pages_of(site)
    assert len(routes) >= 18
    for route in routes:
        if not route.endswith("events"):
            assert site.ask(route).status_code in (200, 302), route


@pytest.mark.parametrize(
    ("method", "actor", "headers"),
    [("GET", guard.OWNER, {}), ("POST", None, {}), ("POST", {"id": "someone"}, {}),
     ("POST", guard.OWNER, {"Sec-Fetch-Site": "cross-site"}), ("POST", guard.OWNER, {"Sec-Fetch-Site": "same-site"}),
     ("POST", guard.OWNER, {"Origin": "https://evil.example"})],
)  # fmt: skip
def test_orders_come_by_post_from_our_pages_and_their_owner(site: Site, method: str, actor: Any, headers: dict[str, str]) -> None:
    assert orders_of(site)
    for route in orders_of(site):
        assert site.ask(route, method=method, actor=actor, headers=headers, data={"x": "y"}).status_code == 403, route


def test_anonymous_gets_403_everywhere(site: Site) -> None:
    for route in [*our_routes(site), "/", "/procy", "/procy/turns", "/procy.db", "/-/versions", "/procy/-/query?sql=select+1"]:
        if route not in OPEN:
            assert site.ask(route, actor=None).status_code == 403, route


def test_someone_else_gets_403(site: Site) -> None:
    for route in our_routes(site):
        if route not in OPEN:
            assert site.ask(route, actor={"id": "someone"}).status_code == 403, route


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7862", "", "[::1", "a@127.0.0.1"]
)
def test_a_foreign_host_gets_421_even_when_signed_in(site: Site, host: str) -> None:
    for route in [*our_routes(site), "/", "/procy/turns.json"]:
        assert site.ask(route, headers={"Host": host}).status_code == 421, route


@pytest.mark.parametrize("host", ["127.0.0.1:7862", "localhost", "LOCALHOST:80", "[::1]:7862", "127.0.0.1"])
def test_our_own_names_are_welcome(site: Site, host: str) -> None:
    assert site.ask("/-/procy", headers={"Host": host}).status_code == 200


def test_hosts_of_the_configuration_are_welcome(site: Site) -> None:
    with open(site.places.config, "w") as file:
        file.write('[ui]\nhosts = ["devbox"]\n')
    again = Site(site.places)
    assert again.ask("/-/procy", headers={"Host": "devbox:7862"}).status_code == 200
    assert again.ask("/-/procy", headers={"Host": "other"}).status_code == 421
    again.close()


def test_pages_are_only_read(site: Site) -> None:
    for route in pages_of(site):
        if route != SIGN_IN:
            assert site.ask(route, method="POST").status_code == 403, route


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/procy/turns/-/insert"), ("POST", "/procy/turns/-/drop"), ("POST", "/procy/-/create"), ("GET", "/procy.db"),
     ("POST", "/procy/-/execute-write")],
)  # fmt: skip
def test_the_owner_reads_tables_but_writes_and_downloads_none(site: Site, method: str, path: str) -> None:
    assert site.ask("/procy/turns").status_code == 200
    assert site.ask(path, method=method, json={"row": {}} if method == "POST" else None).status_code in (403, 404, 405)


def cookie_of(response: Any) -> str:
    return str(response.headers.get("set-cookie", ""))


def test_a_link_signs_in_once(site: Site) -> None:
    path = sign_in_link(site.places, SERVER, "/-/procy/s/last").partition("7862")[2]
    response = site.ask(path, actor=None)
    assert (response.status_code, response.headers["location"]) == (302, "/-/procy/s/last")
    cookie = cookie_of(response)
    assert re.match(r"procy_[0-9a-f]{8}=", cookie) and "HttpOnly" in cookie and "SameSite=lax" in cookie and "Max-Age=" in cookie
    name, _, value = cookie.partition(";")[0].partition("=")
    assert site.ask("/-/procy", actor=None, headers={"Cookie": f"{name}={value}"}).status_code == 200
    assert site.ask(path, actor=None).status_code == 403
    used = site.ask(path, actor=None, headers={"Cookie": f"{name}={value}"})
    assert used.status_code == 302  # who is in stays in


def test_a_link_is_used_up_by_who_is_in_already(site: Site) -> None:
    path = sign_in_link(site.places, SERVER).partition("7862")[2]
    assert site.ask(path).status_code == 302
    assert site.ask(path, actor=None).status_code == 403


def test_who_is_not_signed_in_sees_how_to_in_our_style(site: Site) -> None:
    response = site.ask("/-/procy", actor=None)
    assert response.status_code == 403 and "procy open" in response.text and 'role="search"' not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    style = re.search(r'href="([^"]+procy\.css[^"]*)"', response.text)[1]  # type: ignore[index]
    assert site.ask(style, actor=None).status_code == 200


@pytest.mark.parametrize(
    "change",
    [lambda key: key[:-1] + "0", lambda key: key.replace("this-start", "that-start"), lambda key: "", lambda key: "a.b.c.d"],
)
def test_a_forged_key_does_not(site: Site, change: Any) -> None:
    key = re.search(r"key=([^&]+)", sign_in_link(site.places, SERVER))[1]  # type: ignore[index]
    response = site.ask(f"/-/procy/sign-in?key={change(key) if change(key) != key else 'x'}", actor=None)
    assert response.status_code == 403 and not cookie_of(response)


def test_keys_end(site: Site) -> None:
    secret = read_secret(site.places)
    key = re.search(r"key=([^&]+)", sign_in_link(site.places, SERVER))[1]  # type: ignore[index]
    assert check_key(secret, SERVER.start, key, time.time())
    assert check_key(secret, SERVER.start, key, time.time() + 25 * 3600) is None
    assert check_key(secret, "another start", key, time.time()) is None


@pytest.mark.parametrize(
    "onward", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/ok\r\nX: y"]
)
def test_signing_in_leads_nowhere_else(site: Site, onward: str) -> None:
    assert guard.safe_path(onward) == "/"
    response = site.ask("/-/procy/sign-in", params={"next": onward})
    assert response.headers["location"] == "/"


def test_cookies_of_two_datasettes_live_side_by_side(site: Site) -> None:
    path = sign_in_link(site.places, SERVER).partition("7862")[2]
    pair = cookie_of(site.ask(path, actor=None)).partition(";")[0]
    foreign = {"Cookie": f"ds_actor=somebody-elses; theme=dark; {pair}"}
    assert site.ask("/-/procy", actor=None, headers=foreign).status_code == 200
    assert site.ask("/-/procy", actor=None, headers={"Cookie": "ds_actor=somebody-elses"}).status_code == 403


def test_signing_out_forgets_our_cookie(site: Site) -> None:
    response = site.ask("/-/logout", method="POST")
    assert re.match(r'procy_[0-9a-f]{8}="?"?;', cookie_of(response)) and "Max-Age=0" in cookie_of(response)


def test_every_answer_carries_the_headers(site: Site) -> None:
    for route in ("/-/procy", "/", "/-/procy/s/nothing", "/-/procy/static/procy.css"):
        headers = site.ask(route).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY", route
    policy = site.ask("/-/procy").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "'wasm-unsafe-eval'" in policy and "unsafe-inline" not in policy


def test_what_is_personal_is_not_kept_and_files_are(site: Site) -> None:
    assert "no-store" in site.ask("/-/procy").headers["cache-control"]
    style = re.search(r'href="([^"]+procy\.css[^"]*)"', site.text("/-/procy"))[1]  # type: ignore[index]
    assert "immutable" in site.ask(style).headers["cache-control"]


@pytest.mark.parametrize("path", ["../templates/base.html", "..%2fcommon.py", "%2e%2e/common.py", "/etc/passwd", "vendor"])
def test_files_outside_are_not_served(site: Site, path: str) -> None:
    assert site.ask(f"/-/procy/static/{path}").status_code in (302, 403, 404)


def test_plain_datasette_keeps_its_own_rules(site: Site) -> None:
    """``datasette procy.db --plugins-dir …``: open to whoever reaches its tables, closed with ``--default-deny``."""
    from datasette.app import Datasette

    from procy.ui.assets import plugins_folder

    for deny, status in ((False, 200), (True, 403)):
        site.datasette = Datasette([site.places.db], plugins_dir=str(plugins_folder()), default_deny=deny)
        site.run(site.datasette.invoke_startup())
        assert site.ask("/procy/sessions", actor=None).status_code == status
        assert site.ask("/-/procy", actor=None).status_code == status
        assert site.ask("/-/procy", actor=None, headers={"Host": "evil.example"}).status_code == 421
        assert site.ask("/-/procy/sign-in?key=a.b.c.d", actor=None).status_code == 404


def test_other_databases_are_no_error(site: Site, tmp_path: Path) -> None:
    import sqlite3

    from datasette.app import Datasette

    from procy.ui.assets import plugins_folder

    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE t (a)").connection.commit()
    site.datasette = Datasette([str(other)], plugins_dir=str(plugins_folder()))
    site.run(site.datasette.invoke_startup())
    response = site.ask("/-/procy", actor=None)
    assert response.status_code == 500 and "none of these databases" in response.text.lower()
    assert site.ask("/-/procy/events", actor=None).status_code == 500
    style = re.search(r'href="([^"]+procy\.css[^"]*)"', response.text)[1]  # type: ignore[index]
    assert site.ask(style, actor=None).status_code == 200
    site.run(site.datasette.start_background_tasks())
    site.run(asyncio.sleep(0.1))
    assert [task.state for task in site.datasette._background_tasks.tasks()] == ["completed"]
    site.datasette = Datasette([str(other), site.places.db], plugins_dir=str(plugins_folder()))
    site.run(site.datasette.invoke_startup())
    assert "Parser fix" in site.ask("/-/procy", actor=None).text
