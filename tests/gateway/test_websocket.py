"""WebSockets through the gateway: message by message, both ways, to the same end."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket
from websockets.sync.server import Server, ServerConnection, serve

from procy.gateway.steered import Steered
from tests.conftest import Lab
from tests.gateway.lab import GatewayLab

COMPLETED = {"type": "response.completed", "response": {"model": "m-1", "usage": {"input_tokens": 8, "output_tokens": 9}}}


def answer(connection: ServerConnection) -> None:
    for message in connection:
        if message == "headers":
            connection.send(json.dumps(dict(connection.request.headers.raw_items())))
        elif message == "end":
            connection.close(4001, "over")
        elif message == "complete":
            connection.send(json.dumps(COMPLETED))
        else:
            connection.send(message)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Server]:
    with serve(answer, "127.0.0.1", 0, subprotocols=["realtime"]) as server:  # type: ignore[list-item]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def lab(tmp_path: Path, upstream: Server) -> Iterator[GatewayLab]:
    port = upstream.socket.getsockname()[1]
    with GatewayLab(tmp_path, {"codex": f"http://127.0.0.1:{port}", "openai": "http://127.0.0.1:9"}) as lab:
        yield lab


def connect(lab: GatewayLab, service: str = "codex", **options) -> websocket.WebSocket:
    options.setdefault("subprotocols", ["realtime"])
    return websocket.create_connection(f"ws://127.0.0.1:{lab.ports[service]}/p/{lab.token}/v1/responses", timeout=30, **options)


def test_messages_pass_both_ways_and_are_recorded(lab: GatewayLab) -> None:
    client = connect(lab, header={"Authorization": "Bearer sk-mine-0123456789"})
    assert client.getsubprotocol() == "realtime"
    client.send("grüße")
    assert client.recv() == "grüße"
    client.send_binary(bytes(range(256)) * 300)
    assert client.recv() == bytes(range(256)) * 300
    client.send("headers")
    told = {name.lower(): value for name, value in json.loads(client.recv()).items()}
    assert told["authorization"] == "Bearer sk-mine-0123456789" and lab.token not in json.dumps(told)
    client.send("complete")
    assert json.loads(client.recv()) == COMPLETED
    client.send("end")
    opcode, data = client.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE and int.from_bytes(data[:2], "big") == 4001
    (row,) = lab.rows()
    assert (row["status"], row["outcome"], row["wire"], row["model"]) == (101, "ok", "openai-responses", "m-1")
    assert (row["input_tokens"], row["output_tokens"]) == (8, 9)
    assert (lab.body(row["id"], "sent") or b"").decode().startswith("grüße\nheaders")
    assert b"sk-mine" not in lab.everything()


def test_a_client_that_leaves_ends_the_upstreams_side(lab: GatewayLab, upstream: Server) -> None:
    client = connect(lab)
    client.send("hello")
    assert client.recv() == "hello"
    client.close()
    (row,) = lab.rows()
    assert row["outcome"] == "ok"


def test_an_upstream_that_is_not_there_is_said_in_the_handshake(lab: GatewayLab) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException, match="502"):
        connect(lab, "openai")
    (row,) = lab.rows()
    assert row["outcome"] == "upstream_error" and "cannot be reached" in str(row["error"])


def test_where_filters_would_have_to_look_inside_clients_go_on_by_http(tmp_path: Path, upstream: Server) -> None:
    lab = Lab(tmp_path)
    rule = '[[gateway.filters]]\nfind = "hush-hush"\n'
    url = f"http://127.0.0.1:{upstream.socket.getsockname()[1]}"
    Path(lab.places.config).write_text(f'[upstreams.u]\nservice = "codex"\nbase_url = "{url}"\nactive = true\n{rule}')
    with GatewayLab(tmp_path, {}, steering=Steered(lab.places, {}, random.Random(1))) as gateway:
        with pytest.raises(websocket.WebSocketBadStatusException, match="426"):
            connect(gateway)
        (row,) = gateway.rows()
        assert (row["status"], row["outcome"]) == (426, "rejected")
