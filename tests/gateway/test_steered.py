"""The running gateway, steered by a settings file, in front of upstreams that fail as they are told."""

import asyncio
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from procy.gateway.call import Call
from procy.gateway.state import StateFile, with_health
from procy.gateway.steered import Clocks, Steered
from procy.gateway.steering import Refused
from procy.places import Places
from tests.conftest import wait_until
from tests.gateway.lab import GatewayLab, Upstream, reply

ANSWER = json.dumps(
    {"type": "message", "id": "m", "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 2}}
).encode()
CLOCKS = Clocks()


class Steerable(GatewayLab):
    """``write`` replaces the settings of the running gateway; upstreams are told as ``{name: url}``."""

    def __init__(self, root: Path, text: str, clocks: Clocks = CLOCKS, **environment: str) -> None:
        self.places = Places(str(root), str(root / "procy.db"), str(root / "spool"), str(root / "config.toml"))
        self.write(text)
        self.steered = Steered(self.places, {**os.environ, **environment}, random.Random(1), clocks)
        super().__init__(root, {}, steering=self.steered)

    def write(self, text: str) -> None:
        beside = Path(self.places.config + ".new")
        beside.write_text(text)
        beside.replace(self.places.config)

    def state(self, name: str) -> str:
        return self.steered.told("claude")["upstreams"][name]["state"]


def answering(body: bytes = ANSWER, status: str = "200 OK", *headers: str) -> Callable[..., None]:
    return lambda heard, sock: sock.sendall(reply(body, status, *headers))


@pytest.fixture
def upstreams() -> Iterator[Callable[..., Upstream]]:
    made: list[Upstream] = []

    def make(script: Callable[..., None] | None = None) -> Upstream:
        made.append(Upstream(script or answering()))
        return made[-1]

    yield make
    for one in made:
        one.close()


def table(name: str, upstream: Upstream | str, more: str = "", service: str = "claude") -> str:
    url = upstream if isinstance(upstream, str) else upstream.url
    return f'\n[upstreams.{name}]\nservice = "{service}"\nbase_url = "{url}"\n{more}\n'


POOL = '[gateway]\nbalance = "priority"\nfailures = 2\n'


def test_a_call_goes_on_to_the_next_upstream_before_its_first_byte(tmp_path: Path, upstreams) -> None:
    broken, good = upstreams(answering(b"{}", "503 Busy")), upstreams()
    text = POOL + table("gone", "http://127.0.0.1:9") + table("broken", broken) + table("good", good)
    with Steerable(tmp_path, text) as lab:
        status, _, body = lab.post({"model": "m"})
        assert (status, body) == (200, ANSWER)
        [row] = lab.rows()
        assert (row["upstream"], row["outcome"]) == ("good", "ok")
        assert [(one["upstream"], one["status"]) for one in json.loads(str(row["attempts"]))][:2] == [
            ("gone", 0),
            ("broken", 503),
        ]
        assert row["changes"] is None, "nothing was changed"
        assert good.heard[0].body == b'{"model": "m"}'
        lab.post({"model": "m"})
        assert (lab.state("gone"), lab.state("broken"), lab.state("good")) == ("resting", "resting", "ready")
        lab.post({"model": "m"})
        assert len(broken.heard) == 2, "it rests: nobody asks it"


def test_the_last_upstreams_own_error_is_the_clients(tmp_path: Path, upstreams) -> None:
    first, last = upstreams(answering(b"{}", "503 Busy")), upstreams(answering(b'{"error": "mine"}', "529 Overloaded"))
    with Steerable(tmp_path, POOL + table("a", first) + table("b", last)) as lab:
        assert lab.post({"model": "m"})[::2] == (529, b'{"error": "mine"}')


def test_what_the_client_did_wrong_is_not_tried_elsewhere_and_blames_nobody(tmp_path: Path, upstreams) -> None:
    first, second = upstreams(answering(b'{"error": "no"}', "400 Bad")), upstreams()
    with Steerable(tmp_path, POOL + table("a", first) + table("b", second)) as lab:
        for _ in range(3):
            assert lab.post({"model": "m"})[::2] == (400, b'{"error": "no"}')
        assert not second.heard and lab.state("a") == "ready"


def test_an_upstream_that_says_when_to_come_again_is_left_alone_until_then(tmp_path: Path, upstreams) -> None:
    wall = [1_800_000_000.0]
    limited = upstreams(answering(b"{}", "429 Slow down", "retry-after: 3600"))
    good = upstreams()
    clocks = Clocks(lambda: time.time() + wall[0])
    wall[0] = 0.0
    with Steerable(tmp_path, POOL + table("a", limited) + table("b", good), clocks) as lab:
        assert lab.post({"model": "m"})[0] == 200
        assert lab.state("a") == "resting"
        assert lab.post({"model": "m"})[0] == 200
        assert len(limited.heard) == 1
        again = Steered(lab.places, {}, random.Random(1), clocks)
        assert again.told("claude")["upstreams"]["a"]["state"] == "resting", "a new gateway knows it still"
        wall[0] = 3601.0
        limited.script = answering()
        assert lab.state("a") == "trial"
        assert lab.post({"model": "m"})[0] == 200
        assert len(limited.heard) == 2
        wait_until(lambda: lab.state("a") == "ready", what="the end of the reply")


def test_a_command_resets_an_upstream_while_the_gateway_runs(tmp_path: Path, upstreams) -> None:
    broken, good = upstreams(answering(b"{}", "500 No")), upstreams()
    with Steerable(tmp_path, POOL + table("a", broken) + table("b", good)) as lab:
        lab.post({}), lab.post({}), lab.post({})
        assert len(broken.heard) == 2 and lab.state("a") == "resting"
        broken.script = answering()
        StateFile(lab.places).change(lambda state: with_health(state, "a", None))
        lab.post({})
        assert len(broken.heard) == 3
        wait_until(lambda: lab.state("a") == "ready", what="the end of the reply")


def test_the_settings_are_read_again_while_it_runs_and_wrong_ones_change_nothing(tmp_path: Path, upstreams) -> None:
    first, second = upstreams(), upstreams()
    with Steerable(tmp_path, table("a", first, "active = true") + table("b", second)) as lab:
        lab.post({"model": "m"})
        lab.write(table("a", first) + table("b", second, "active = true"))
        lab.post({"model": "m"})
        before = len(first.heard)
        assert (before, len(second.heard)) == (1, 1), "the very next call goes to the other"
        for wrong in ("[upstreams.a", "", '[upstreams.a]\nservice = "x"\n'):
            lab.write(wrong)
            assert lab.post({"model": "m"})[0] == 200 and lab.steered.told("claude")["errors"]
        assert len(first.heard) == before
        lab.write(table("a", first, "active = true"))
        assert not lab.steered.told("claude")["errors"]
        lab.post({"model": "m"})
        assert len(first.heard) == before + 1


def test_routes_change_model_and_upstream_and_the_row_says_so(tmp_path: Path, upstreams) -> None:
    main, cheap = upstreams(), upstreams()
    rules = (
        '[gateway]\nroutes = [{model = "*haiku*", to_upstream = "cheap", to_model = "small"},'
        ' {upstream = "main", to_model = "big"}]\n'
    )
    with Steerable(tmp_path, rules + table("main", main) + table("cheap", cheap)) as lab:
        lab.post({"model": "claude-haiku-4", "max_tokens": 1})
        lab.post({"model": "claude-opus-4", "max_tokens": 1})
        assert json.loads(cheap.heard[0].body) == {"model": "small", "max_tokens": 1}
        assert json.loads(main.heard[0].body) == {"model": "big", "max_tokens": 1}
        [change] = json.loads(str(lab.rows(2)[0]["changes"]))
        assert (change["name"], change["from"], change["to"]) == ("model", "claude-haiku-4", "small")
        assert change["why"] == "route 1: model *haiku* → model small, upstream cheap"


def test_a_filter_hides_from_the_upstream_and_from_the_database(tmp_path: Path, upstreams) -> None:
    up = upstreams()
    rules = '[gateway]\nfilters = [{find = "hunter\\"2", replace = "[…]"}]\n'
    with Steerable(tmp_path, rules + table("a", up)) as lab:
        lab.post({"model": "m", "messages": [{"role": "user", "content": 'my password is hunter"2 ok'}]}, x_branch='hunter"2')
        [row] = lab.rows()
        assert b"hunter" not in up.heard[0].body and b"hunter" not in up.heard[0].head
        assert json.loads(up.heard[0].body)["messages"][0]["content"] == "my password is […] ok"
        assert b"hunter" not in lab.everything()
        assert b"my password is [\xe2\x80\xa6] ok" in (lab.body(row["id"], "request") or b"")
        assert json.loads(str(row["changes"])) == [
            {"what": "filter", "name": "1", "from": "2 places", "to": "replaced", "why": "filter 1"}]  # fmt: skip


def test_a_broken_filter_refuses_and_stores_no_body_unless_it_may_fail_open(tmp_path: Path, upstreams) -> None:
    up = upstreams()
    rules = '[gateway]\n{}filters = [{{find = "(", regex = true}}]\n'
    with Steerable(tmp_path, rules.format("") + table("a", up)) as lab:
        status, _, body = lab.post({"model": "m", "note": "private"})
        assert status == 503 and b"filter 1 of the settings is broken" in body
        assert not up.heard
        lab.rows()
        assert b"private" not in lab.everything()
        lab.write(rules.format("fail_open = true\n") + table("a", up))
        wait_until(lambda: lab.post({"model": "m"})[0] == 200, what="an open gateway")


def test_fields_headers_and_defaults_are_changed_where_the_settings_say_so(tmp_path: Path, upstreams) -> None:
    up = upstreams()
    more = 'headers = {profile = "protocol"}\nfields = {drop = ["service_tier"], backfill = {store = false}}\n'
    more += '[gateway.models."gpt*"]\neffort = "high"'
    with Steerable(tmp_path, table("a", up, more, "codex")) as lab:
        lab.post({"model": "gpt-5", "service_tier": "flex", "input": "x"}, "/v1/responses", "codex", accept_encoding="gzip")
        heard = up.heard[0]
        assert json.loads(heard.body) == {"model": "gpt-5", "input": "x", "store": False, "reasoning": {"effort": "high"}}
        assert (heard.header("accept-encoding"), heard.header("openai-beta")) == ("identity", "responses=experimental")
        [row] = lab.rows()
        assert [one["name"] for one in json.loads(str(row["changes"]))] == [
            "reasoning.effort", "service_tier", "store", "accept", "accept-encoding", "openai-beta"]  # fmt: skip


def test_a_key_replaces_the_clients_and_one_that_is_not_there_is_told(tmp_path: Path, upstreams) -> None:
    up = upstreams()
    text = table("a", up, 'key = {env = "UP_KEY"}')
    with Steerable(tmp_path, text, UP_KEY="s3cret-of-the-upstream") as lab:
        lab.post({"model": "m"}, x_api_key="-")
        assert up.heard[0].header("x-api-key") == "s3cret-of-the-upstream"
        lab.write(text.replace("UP_KEY", "NOT_THERE"))
        wait_until(lambda: lab.post({"model": "m"})[0] == 503, what="the missing key")
        assert b"env NOT_THERE has no key. Export it" in lab.post({"model": "m"})[2]
        lab.rows()
        assert b"s3cret-of-the-upstream" not in lab.everything()


def test_calls_wait_for_the_rate_limit_and_those_who_leave_give_their_place_back(tmp_path: Path, upstreams) -> None:
    now, up = [0.0], upstreams()
    with Steerable(tmp_path, table("a", up, "rpm = 600"), Clocks(steady=lambda: now[0])) as lab:

        def waiting() -> int:
            return lab.steered.told("claude")["upstreams"]["a"]["waiting"]

        lab.post({"n": 0})
        gone = lab.connect()
        gone.request("POST", f"/p/{lab.token}/v1/messages", b"{}")
        wait_until(lambda: waiting() == 1, what="one in the line")
        with ThreadPoolExecutor(2) as pool:
            calls = [pool.submit(lab.post, {"n": n}) for n in (1, 2)]
            wait_until(lambda: waiting() == 3, what="three in the line")
            gone.close()
            wait_until(lambda: waiting() == 2, what="the one who left")
            for tenths in (1, 2):
                now[0] = tenths / 10
                wait_until(lambda: len(up.heard) == 1 + tenths, what="the next one")  # noqa: B023
                assert waiting() == 2 - tenths
            assert [call.result()[0] for call in calls] == [200, 200]
        waited = [row["waited_ms"] or 0 for row in lab.rows(4) if row["outcome"] == "ok"]
        assert sorted(waited) == pytest.approx([0, 100, 200], abs=1)


def test_a_client_of_another_wire_is_translated_and_the_filters_see_what_is_sent(tmp_path: Path, upstreams) -> None:
    up = upstreams()
    rules = '[gateway]\nfilters = [{find = "secret", replace = "s"}]\n'
    with Steerable(tmp_path, rules + table("a", up)) as lab:
        status, _, body = lab.post({"model": "m", "messages": [{"role": "user", "content": "a secret"}]}, "/v1/chat/completions")
        assert status == 200, body
        assert up.heard[0].line.startswith("POST /v1/messages")
        assert b"secret" not in up.heard[0].body and b"a s" in up.heard[0].body
        assert json.loads(body)["object"] == "chat.completion"


def test_without_a_rule_the_very_bytes_go_up(tmp_path: Path, upstreams) -> None:
    up = upstreams()
    body = b'{ "model" : "m",\t"x": 1.0e0, "a":1, "a":2 }\n'
    with Steerable(tmp_path, '[gateway]\nfilters = [{find = "nothing"}]\n' + table("a", up)) as lab:
        lab.post(body)
        assert up.heard[0].body == body


def test_a_cancelled_wait_takes_nothing(tmp_path: Path) -> None:
    places = Places(str(tmp_path), str(tmp_path / "procy.db"), str(tmp_path / "spool"), str(tmp_path / "config.toml"))
    Path(places.config).write_text(table("a", "http://127.0.0.1:9", "rpm = 1"))
    steered = Steered(places, {}, random.Random(1))

    async def main() -> None:
        [upstream] = steered.config.current().of("claude")
        bucket = steered._bucket(upstream)
        bucket.take(time.monotonic())
        from procy.gateway.steered import Planned

        attempt = Planned("a", upstream.base_url, settings=upstream, loaded=steered.config.current())
        waiting = asyncio.ensure_future(steered.admit(attempt))
        await asyncio.sleep(0)
        assert steered.told("claude")["upstreams"]["a"]["waiting"] == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert bucket.waiting == 0 and not bucket.line.locked()

    asyncio.run(main())


def test_a_websocket_is_refused_where_a_rule_would_have_to_look_into_it(tmp_path: Path) -> None:
    places = Places(str(tmp_path), str(tmp_path / "procy.db"), str(tmp_path / "spool"), str(tmp_path / "config.toml"))
    call = Call("1", "codex", "openai-responses", "GET", "/responses", "", (("sec-websocket-key", "x"),), b"", 0)
    ours = table("a", "http://h", service="codex")
    for rules, words in (
        ("", ""),
        ('[gateway]\nfilters = [{find = "secret"}]\n', "filters"),
        ('[gateway]\nfilters = [{find = "(", regex = true}]\n', "filter 1 of the settings is broken"),
        ('[gateway]\nroutes = [{model = "a", to_model = "b"}]\n', "routes of models"),
        ('[gateway]\nroutes = [{service = "claude", model = "a", to_model = "b"}]\n', ""),
        ('[gateway.models."a"]\neffort = "high"\n', "defaults of models"),
    ):
        Path(places.config).write_text(rules + ours)
        steered = Steered(places, {}, random.Random(1))
        [attempt] = steered.plan(call)
        if words:
            with pytest.raises(Refused, match=words):
                steered.change(call, attempt)
        else:
            assert steered.change(call, attempt).headers is call.headers
