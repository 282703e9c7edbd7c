"""Gateway: upstreams with their state, calls as they are filtered, sums, one call in detail, and orders."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from procy.gateway.call import Call
from procy.gateway.entries import Closed, Opened
from procy.gateway.rows import Rows
from procy.gateway.steering import Key
from procy.places import Places
from procy.settings import load_settings
from procy.store.db import open_reader

from .conftest import Site
from .sample import EVIL, writing

PAGE = "/-/procy/gateway"
NS = 1_764_000_000_000_000_000
SETTINGS = """
[gateway]
routes = [{model = "*haiku*", to_upstream = "home"}]

[upstreams.work]
service = "claude"
base_url = "https://work.example.com"

[upstreams.home]
service = "claude"
base_url = "http://127.0.0.1:9"
headers = {profile = "custom", set = {x-team = "a"}}
"""
USAGE = {"input_tokens": 1200, "cache_read_input_tokens": 9000}
STREAM = b"".join(
    b"data: " + json.dumps(one).encode() + b"\n\n"
    for one in (
        {
            "type": "message_start",
            "message": {"model": "claude-x", "usage": {"input_tokens": 1200, "cache_read_input_tokens": 9000}},
        },
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello "}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": EVIL}},
        {"type": "message_delta", "usage": {"output_tokens": 300}},
        {"type": "message_stop"},
    )
)


def record(places: Places, number: int = 1, **closed) -> str:
    """One call as the gateway records it."""
    body = json.dumps({"model": f"claude-{number}", "messages": [{"role": "user", "content": "a question " * 10}]}).encode()
    key = f"01K{number:023d}"
    call = Call(key, "claude", "anthropic-messages", "POST", "/messages", "", (("user-agent", "cli"),), body, NS + number * 10**9)
    given = {
        "outcome": "ok", "status": 200, "upstream": "work", "wire": "anthropic-messages", "reply": [STREAM],
        "reply_headers": (("content-type", "text/event-stream"),), "duration_ms": 1500.0, "first_byte_ms": 300.0, **closed,
    }  # fmt: skip
    with writing(places) as connection:
        Rows(load_settings(places)).put(connection, Opened(call, len(call.body)), Closed(call=call, **given), True)
    return key


@pytest.fixture
def steered(site: Site) -> Site:
    Path(site.places.config).write_text(SETTINGS)
    return site


def test_upstreams_are_shown_and_switched(steered: Site) -> None:
    html = steered.text(PAGE)
    assert "It does not run" in html and "No call was recorded yet" in html
    work, home = re.findall(r'<li class="upstream( used)?">', html)
    assert (work, home) == (" used", "")
    assert re.search(r"<b>home</b>.*?>modified<", html, re.DOTALL)
    told = steered.ask("/-/procy/do/gateway", method="POST", data={"what": "use", "name": "home"})
    assert told.json() == {"done": "claude goes to home"}
    assert "active = true" in Path(steered.places.config).read_text()
    html = steered.text(PAGE)
    assert re.findall(r'<li class="upstream( used)?">', html) == ["", " used"] and "work → home" in html
    steered.ask("/-/procy/do/gateway", method="POST", data={"what": "disable", "name": "work"})
    assert "disabled" in steered.text(PAGE)
    steered.ask("/-/procy/do/gateway", method="POST", data={"what": "reset", "name": "work"})
    assert "disabled" not in steered.text(PAGE)
    told = steered.ask("/-/procy/do/gateway", method="POST", data={"what": "test", "name": "home"}).json()
    assert not told["is_well"] and told["done"].startswith("home: no answer")
    for what, name, status in (("use", "nobody", 404), ("explode", "work", 409)):
        assert steered.ask("/-/procy/do/gateway", method="POST", data={"what": what, "name": name}).status_code == status
    assert steered.ask("/-/procy/do/gateway", method="POST", actor=None, data={"what": "use", "name": "work"}).status_code == 403


def test_wrong_settings_are_told_and_the_calls_are_there_all_the_same(steered: Site) -> None:
    record(steered.places)
    app = steered.datasette.app()  # as a server that runs has it: the settings were right when it began
    steered.datasette.app = lambda: app
    Path(steered.places.config).write_text("[upstreams.work\n")
    html = steered.text(PAGE)
    assert "is not valid TOML" in html and "claude-x" in html


def test_calls_are_filtered_and_come_in_pages(steered: Site) -> None:
    silent = {"outcome": "timeout", "status": None, "error": "silence_1"}
    for number in range(1, 61):
        record(steered.places, number, **(silent if number % 20 == 0 else {}))

    def listed(query: str) -> int:
        return steered.text(PAGE + query).count('<td><a href="/-/procy/gateway/')

    html = steered.text(PAGE)
    assert listed("") == 50
    older = re.search(r'href="([^"]+)#calls" rel="next"', html)
    assert older and listed(older[1].replace("&amp;", "&")) == 10
    queries = ("?failed=1", "?q=silence_1", "?q=silencex1", "?q=work+time", "?service=codex")
    assert [listed(one) for one in queries] == [3, 3, 0, 0, 0]
    assert "None of these" in steered.text(PAGE + "?service=codex")


def test_usage_is_summed_by_what_one_asks_for(steered: Site) -> None:
    for number in (1, 2):
        record(steered.places, number)
    for by, name in (("upstream", "work"), ("model", "claude-x"), ("day", "2025-11-2"), ("session", "none")):
        html = steered.text(f"{PAGE}?by={by}&days=3650")
        assert re.search(rf'<th scope="row">{name}', html) and 'title="2,400"' in html and 'title="18,000"' in html
    assert "Nothing in this time" in steered.text(f"{PAGE}?days=1")


def test_a_call_is_shown_with_what_was_changed_and_what_was_answered(steered: Site) -> None:
    change = {"what": "field", "name": "model", "from": "claude-1", "to": "small", "why": "route 1"}
    sent = json.dumps({"model": "small", "messages": [{"role": "user", "content": "a question " * 10}]}).encode()
    key = record(steered.places, changes=[change], sent=sent, attempts=[{"upstream": "other", "kind": "status", "status": 503}],
                 key=f"env A {Key('env A', 'x').digest}")  # fmt: skip
    with writing(steered.places) as connection:
        connection.execute("UPDATE exchanges SET session_id = ? WHERE id = ?", (steered.session, key))
        connection.execute("UPDATE exchanges SET turn_id = ? WHERE id = ?", (steered.turns[1], key))
    html = steered.text(f"{PAGE}/{key}")
    assert "<td>claude-1</td><td>small</td><td>route 1</td>" in html
    assert '<span class="del">-  &#34;model&#34;: &#34;claude-1&#34;,</span>' in html
    assert "Hello &lt;" in html and "<script>d" not in html
    assert "9k" in html and "other: status 503" in html and f"/-/procy/t/{steered.turns[1]}" in html
    assert steered.ask(f"{PAGE}/nothing").status_code == 404
    assert steered.ask(f"{PAGE}/{key}", actor=None).status_code == 403


def test_explain_tells_where_a_call_would_go(steered: Site) -> None:
    html = steered.text(f"{PAGE}?explain=claude-haiku-4&for=claude")
    assert "<b>matches</b>" in html and "<b>home</b> gets claude-haiku-4" in html and "headers: custom (modified)" in html


def test_lists_never_read_bodies(steered: Site) -> None:
    record(steered.places)
    connection = open_reader(steered.places.db)
    from procy.store import exchange_pages as store

    read: list[str] = []
    connection.set_authorizer(lambda action, table, *_: (read.append(table or ""), 0)[1])
    store.calls(connection, store.Wanted(words="claude"), 10)
    store.usage(connection, "model", "2020")
    connection.close()
    assert "exchanges" in read and not {"exchange_bodies", "exchange_parts"} & set(read)


def test_settings_are_edited_as_text_and_wrong_ones_are_not_saved(steered: Site) -> None:
    html = steered.text(f"{PAGE}/settings")
    assert html.count("<textarea") == 4 and "x-team" in html
    before = '[gateway]\nroutes = [{model = "*haiku*", to_upstream = "home"}]\n'
    for text, status in (("[gateway]\nretries = -1", 409), ("[gateway]\r\nretries = 4 # four", 200)):
        data = {"section": "gateway", "text": text, "before": before}
        told = steered.ask("/-/procy/do/gateway-settings", method="POST", data=data)
        assert told.status_code == status, told.text
    assert "retries = 4 # four" in Path(steered.places.config).read_text()
    assert steered.ask("/-/procy/do/gateway-settings", method="POST", data=data).status_code == 409, "it is not what it was"
    for section, actor, status in (("agent", {"id": "owner"}, 409), ("gateway", None, 403)):
        asked = {"section": section, "text": "", "before": ""}
        assert steered.ask("/-/procy/do/gateway-settings", method="POST", actor=actor, data=asked).status_code == status
