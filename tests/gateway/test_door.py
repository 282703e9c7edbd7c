"""Who may use the gateway: nobody without a token, no page of somebody else's, no foreign name."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket

from tests.conftest import wait_until
from tests.gateway.lab import GatewayLab, Upstream, reply

SESSION = "01KB5M3Z6V8Q2R4T6W8Y0A2C4E"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream(lambda heard, out: out.sendall(reply(b"{}")))
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[GatewayLab]:
    with GatewayLab(tmp_path_factory.mktemp("door"), dict.fromkeys(("claude", "openai"), upstream.url)) as lab:
        yield lab


def ask(lab: GatewayLab, path: str, service: str = "claude", **headers: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", lab.ports[service], timeout=30)
    connection.request("POST", path, b"{}", {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    return response.status, json.loads(response.read() or b"{}")


def test_without_a_token_nothing_goes_up(lab: GatewayLab, upstream: Upstream) -> None:
    before = len(upstream.heard)
    wrong = lab.token[:-1] + ("0" if lab.token[-1] != "0" else "1")
    pane = lab.tokens.of_session(SESSION)
    for path, headers in (
        ("/v1/messages", {}),
        ("/v1/messages", {"x_api_key": "sk-mine"}),
        ("/v1/messages", {"authorization": f"Bearer {wrong}"}),
        (f"/p/{wrong}/v1/messages", {"x_api_key": lab.token}),
        (f"/p/{pane.replace('01KB', '01KC')}/v1/messages", {}),
        ("/p//v1/messages", {}),
        ("/api/codex/quick-send", {}),
    ):
        status, told = ask(lab, path, **headers)
        assert status == 401 and "procy gateway env" in json.dumps(told), path
    assert len(upstream.heard) == before
    rows = [row for row in lab.rows(7) if row["status"] == 401]
    assert len(rows) == 7 and {row["outcome"] for row in rows} == {"rejected"}
    assert wrong.encode() not in lab.everything()


@pytest.mark.parametrize("name", ["x_api_key", "authorization", "x_goog_api_key", "x_procy_token"])
def test_the_token_as_the_clients_key_goes_no_further(lab: GatewayLab, upstream: Upstream, name: str) -> None:
    value = f"Bearer {lab.token}" if name == "authorization" else lab.token
    assert ask(lab, "/v1/messages", **{name: value})[0] == 200
    assert lab.token not in upstream.heard[-1].head.decode()


def test_the_token_as_a_query_goes_no_further(lab: GatewayLab, upstream: Upstream) -> None:
    assert ask(lab, f"/v1beta/models/g:generateContent?key={lab.token}&alt=sse", "openai")[0] == 200
    assert upstream.heard[-1].line == "POST /v1beta/models/g:generateContent?alt=sse HTTP/1.1"


def test_a_panes_token_says_where_a_call_comes_from(lab: GatewayLab) -> None:
    assert ask(lab, f"/p/{lab.tokens.of_session(SESSION)}/v1/messages", x_api_key="sk-mine")[0] == 200
    wait_until(lambda: lab.read("SELECT 1 FROM exchanges WHERE session_id = ? AND outcome = 'ok'", SESSION), what="its row")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:3210", "10.0.0.1", "localhost.evil"])
def test_a_foreign_name_is_refused(lab: GatewayLab, host: str) -> None:
    status, _ = ask(lab, f"/p/{lab.token}/v1/messages", host=host)
    assert status == 403
    connection = http.client.HTTPConnection("127.0.0.1", lab.ports["claude"], timeout=30)
    connection.request("GET", "/health", headers={"host": host})
    assert connection.getresponse().status == 403


@pytest.mark.parametrize(("origin", "status"), [("https://evil.example", 403), ("null", 403), ("http://127.0.0.1:9000", 200)])
def test_a_page_of_somebody_elses_is_refused(lab: GatewayLab, origin: str, status: int) -> None:
    assert ask(lab, f"/p/{lab.token}/v1/messages", origin=origin)[0] == status


@pytest.mark.parametrize(
    ("options", "status"),
    [({"origin": "https://evil.example"}, 403), ({"host": "evil.example"}, 403), ({"path": "/v1/responses"}, 401)],
)
def test_a_foreign_websocket_is_refused(lab: GatewayLab, options: dict, status: int) -> None:
    path = options.pop("path", f"/p/{lab.token}/v1/responses")
    with pytest.raises(websocket.WebSocketBadStatusException, match=str(status)):
        websocket.create_connection(f"ws://127.0.0.1:{lab.ports['openai']}{path}", timeout=30, **options)


def test_optional_means_optional(tmp_path: Path, upstream: Upstream) -> None:
    with GatewayLab(tmp_path, {"claude": upstream.url}, token_required=False) as lab:
        assert ask(lab, "/v1/messages", x_api_key="sk-mine")[0] == 200
        assert upstream.heard[-1].header("x-api-key") == "sk-mine"
        assert ask(lab, "/p/wrong/v1/messages")[0] == 401


def test_it_listens_on_loopback_only(lab: GatewayLab) -> None:
    own = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1", "127.0.1.1"}
    for address in own:
        with pytest.raises(OSError):
            socket.create_connection((address, lab.ports["claude"]), timeout=2)
