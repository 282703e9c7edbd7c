"""What can go wrong on either side, met for real: the client is told, nothing hangs, every call has its row."""

from __future__ import annotations

import hashlib
import http.client
import itertools
import json
import socket
import sqlite3
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.gateway.lab import LAST_CHUNK, GatewayLab, Heard, Upstream, chunk, reply, stream_head

EVENTS = [
    b'event: %s\ndata: {"type":"%s","n":%d}\n\n' % (name, name, number)
    for number, name in enumerate([b"message_start", b"ping", b"message_stop"])
]
WHOLE = stream_head() + b"".join(map(chunk, EVENTS)) + LAST_CHUNK
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream(lambda heard, out: out.sendall(reply(b"{}")))
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[GatewayLab]:
    with GatewayLab(tmp_path_factory.mktemp("trouble"), {"claude": upstream.url}, body_s=0.5) as lab:
        yield lab


def ids(lab: GatewayLab) -> set[object]:
    return {row["id"] for row in lab.read("SELECT id FROM exchanges")}


def new_rows(lab: GatewayLab, before: set[object], count: int) -> list[dict[str, object]]:
    return [row for row in lab.rows(len(before) + count) if row["id"] not in before]


@pytest.mark.parametrize("reset", [False, True])
def test_an_upstream_that_breaks_off_anywhere(lab: GatewayLab, upstream: Upstream, reset: bool) -> None:
    """At every place of a stream: a whole answer, the wire's error event behind whole events, or an error status."""
    before, places = ids(lab), range(0, len(WHOLE), 7)

    def cut(heard: Heard, out: socket.socket) -> None:
        out.sendall(WHOLE[: int(heard.body)])
        if reset:
            out.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        out.close()
        raise StopIteration

    upstream.script = cut
    for place in places:
        status, _, body = lab.post(str(place).encode())
        if status == 502:
            assert json.loads(body)["error"]["type"] == "api_error"
            continue
        assert status == 200
        events = body.split(b"\n\n")
        assert events.pop() == b""
        last = json.loads(events[-1].partition(b"data: ")[2])
        assert last["type"] == "error", f"cut at {place}"
        assert [event + b"\n\n" for event in events[:-1]] == EVENTS[: len(events) - 1]
    rows = new_rows(lab, before, len(places))
    assert len(rows) == len(places) and {row["outcome"] for row in rows} == {"upstream_error"}


def test_a_reply_of_known_length_that_breaks_off_breaks_off(lab: GatewayLab, upstream: Upstream) -> None:
    def cut(heard: Heard, out: socket.socket) -> None:
        out.sendall(reply(b"x" * 1000)[:-500])
        out.close()
        raise StopIteration

    before, upstream.script = ids(lab), cut
    with pytest.raises(http.client.IncompleteRead):
        lab.post(b"{}")
    (row,) = new_rows(lab, before, 1)
    assert row["outcome"] == "upstream_error" and "broke off" in str(row["error"])


def test_a_hundred_clients_that_go_away(lab: GatewayLab, upstream: Upstream) -> None:
    closed = itertools.count(1)
    seen = [0]

    def endless(heard: Heard, out: socket.socket) -> None:
        if int(heard.body) % 2:
            out.sendall(stream_head() + chunk(EVENTS[0]))
        out.settimeout(60)
        if out.recv(1) == b"":
            seen[0] = next(closed)
        raise StopIteration

    before, upstream.script = ids(lab), endless

    def leave(number: int) -> None:
        connection = lab.connect()
        connection.request("POST", f"/p/{lab.token}/v1/messages", str(number).encode())
        if number % 2:
            connection.getresponse().read(5)
        else:
            wait_until(lambda: str(number).encode() in [heard.body for heard in upstream.heard], 60)
        assert connection.sock is not None
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()

    threads = [threading.Thread(target=leave, args=(number,)) for number in range(1000, 1100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    wait_until(lambda: seen[0] == 100, 60, "all hundred calls are cancelled at the upstream")
    rows = new_rows(lab, before, 100)
    assert len(rows) == 100 and {row["outcome"] for row in rows} == {"client_abort"}


def test_bodies_that_are_no_json_and_no_text(lab: GatewayLab, upstream: Upstream) -> None:
    upstream.script = lambda heard, out: out.sendall(reply(heard.body, "200 OK", "content-type: application/json"))
    deep = b'{"messages":' + b"[" * 100_000
    for body in (
        b"{",
        b'{"a":\xff\xfe}',
        b'{"model":"\\ud800","messages":[]}',
        b'{"messages":[1,,2]}',
        deep,
        b'{"usage":{"input_tokens":1e999}}',
    ):
        before = ids(lab)
        assert lab.post(body)[2] == body
        (row,) = new_rows(lab, before, 1)
        assert row["outcome"] == "ok" and lab.body(row["id"], "request") == body


def test_fifty_megabytes_pass(lab: GatewayLab, upstream: Upstream) -> None:
    upstream.script = lambda heard, out: out.sendall(reply(str(len(heard.body)).encode()))
    before = ids(lab)
    body = b'{"messages":["' + b"x" * (50 << 20) + b'"]}'
    assert lab.post(body)[2] == str(len(body)).encode()
    (row,) = new_rows(lab, before, 1)
    assert row["request_bytes"] == len(body) and row["outcome"] == "ok"


def test_a_flood_of_headers_is_refused(lab: GatewayLab, upstream: Upstream) -> None:
    before, heard = ids(lab), len(upstream.heard)
    with socket.create_connection(("127.0.0.1", lab.ports["claude"]), timeout=30) as out:
        flood = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 1000) for number in range(400))
        out.sendall(
            b"POST /p/%s/v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n%s\r\n" % (lab.token.encode(), flood)
        )
        assert out.recv(100).startswith(b"HTTP/1.1 431")
    assert len(upstream.heard) == heard
    assert [row["outcome"] for row in new_rows(lab, before, 1)] == ["rejected"]


def test_a_client_that_drips_is_told_and_holds_up_nobody(lab: GatewayLab, upstream: Upstream) -> None:
    upstream.script = lambda heard, out: out.sendall(reply(b"{}"))
    before = ids(lab)
    with socket.create_connection(("127.0.0.1", lab.ports["claude"]), timeout=30) as out:
        out.sendall(b"POST /p/%s/v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nslow" % lab.token.encode())
        assert lab.post(b"{}")[0] == 200, "others go on"
        assert out.recv(100).startswith(b"HTTP/1.1 408")
    rows = {row["outcome"]: row for row in new_rows(lab, before, 2)}
    assert rows.keys() == {"ok", "rejected"}
    assert rows["rejected"]["request_bytes"] == 4 and lab.body(rows["rejected"]["id"], "request") == b"slow"


def test_a_client_that_leaves_in_the_middle_of_its_body_is_told_with_what_came(lab: GatewayLab, upstream: Upstream) -> None:
    before, heard = ids(lab), len(upstream.heard)
    with socket.create_connection(("127.0.0.1", lab.ports["claude"]), timeout=30) as out:
        head = (
            b"POST /p/%s/v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: sk-of-a-test-0123\r\ncontent-length: 100\r\n\r\n"
        )
        out.sendall(head % lab.token.encode() + b'{"model":')
    (row,) = new_rows(lab, before, 1)
    assert (row["outcome"], row["wire"], row["request_bytes"]) == ("client_abort", "anthropic-messages", 9)
    assert row["request_sha"] == hashlib.sha256(b'{"model":').hexdigest() and "9 bytes of its body came" in str(row["error"])
    assert lab.body(row["id"], "request") == b'{"model":' and b"sk-of-a-test" not in lab.everything()
    assert len(upstream.heard) == heard


def test_a_locked_database_holds_up_no_call_and_loses_none(tmp_path: Path, upstream: Upstream) -> None:
    upstream.script = lambda heard, out: out.sendall(reply(b"{}"))
    with GatewayLab(tmp_path, {"claude": upstream.url}) as lab:
        lab.post(b"{}")
        lab.rows()
        other = sqlite3.connect(lab.db, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for number in range(50):
            assert lab.post(b'{"n":%d}' % number)[0] == 200
        assert lab.recorder.condition().waiting > 0 and len(lab.read("SELECT 1 FROM exchanges")) == 1
        other.execute("ROLLBACK")
        other.close()
        assert len(lab.rows(51)) == 51
