"""Bytes through a real gateway: the same on both sides, at once, and cancelled on both sides."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from procy.gateway.steering import Key
from procy.settings import Price
from procy.store.db import from_iso, iso, open_writer
from procy.store.exchanges import drop_bodies, drop_loose_parts
from procy.store.forgotten import note_turns
from procy.store.parts import unpack_ids
from procy.store.write import put_session, put_transcript, put_turn, transaction
from procy.types import Turn
from tests.gateway.lab import LAST_CHUNK, GatewayLab, Heard, Upstream, chunk, reply, stream_head

EVENTS = [
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"m-1","usage":{"input_tokens":1200,'
    b'"cache_read_input_tokens":9000,"cache_creation_input_tokens":300,"output_tokens":1}}}\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"漢字"}}\n\n'.encode(),
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":777}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]


def script(heard: Heard, out: socket.socket) -> None:
    """Answers by the request's own wish."""
    wish = json.loads(heard.body or b"{}").get("wish", "json") if heard.body[:1] == b"{" else "json"
    if wish == "stream":
        out.sendall(stream_head("content-type: text/event-stream", "request-id: req_1"))
        for event in EVENTS:
            out.sendall(chunk(event))
        out.sendall(LAST_CHUNK)
    elif wish == "gzip":
        body = gzip.compress(json.dumps({"model": "m-1", "usage": {"input_tokens": 5, "output_tokens": 6}}).encode())
        out.sendall(reply(body, "200 OK", "content-type: application/json", "content-encoding: gzip"))
    elif wish == "odd headers":
        head = (
            "content-type: text/plain",
            "set-cookie: a=1",
            "set-cookie: b=2",
            "connection: x-mine",
            "x-mine: 1",
            "date: never",
        )
        out.sendall(reply(b"odd", "200 OK", *head))
    elif isinstance(wish, int):
        out.sendall(reply(b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}', f"{wish} Sorry"))
    else:
        out.sendall(
            reply(
                b'{"model":"m-1","usage":{"input_tokens":3,"output_tokens":4},"pad":"' + os.urandom(4000).hex().encode() + b'"}'
            )
        )


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream(script)
    yield upstream
    upstream.close()


@pytest.fixture
def lab(tmp_path: Path, upstream: Upstream) -> Iterator[GatewayLab]:
    upstream.heard.clear()
    upstream.script = script
    prices = {"m-1": Price(input=10.0, output=100.0, cache_read=1.0, cache_write=20.0)}
    with GatewayLab(tmp_path, {name: upstream.url for name in ("claude", "codex")}, prices=prices) as lab:
        yield lab


def test_bytes_are_the_same_on_both_sides(lab: GatewayLab, upstream: Upstream) -> None:
    said: list[bytes] = []
    upstream.script = lambda heard, out: (said.append(os.urandom(300_000)), out.sendall(reply(said[-1], "201 Made")))
    bodies = [b"", b'{"a": 1 ,\n "b":"\xc3\xa4"}', b"\xff\xfe not text", b"{not json", os.urandom(70_000), b"[1," * 1000]
    for body in bodies:
        status, _, got = lab.post(body)
        assert (status, upstream.heard[-1].body, got) == (201, body, said[-1])
    rows = lab.rows(len(bodies))
    assert [row["request_sha"] for row in rows] == [hashlib.sha256(body).hexdigest() for body in bodies]
    assert [row["response_sha"] for row in rows] == [hashlib.sha256(body).hexdigest() for body in said]
    assert [lab.body(row["id"], "request") for row in rows][1:] == bodies[1:]
    assert [lab.body(row["id"], "response") for row in rows] == said


def test_headers_pass_but_for_those_of_one_connection(lab: GatewayLab, upstream: Upstream) -> None:
    _, headers, _ = lab.post({"wish": "odd headers"}, anthropic_beta="a,b", te="trailers", x_api_key="sk-mine", user_agent="me/1")
    heard = upstream.heard[-1]
    assert [value for name, value in headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert "x-mine" not in dict(headers) and dict(headers)["date"] == "never" and "server" not in dict(headers)
    assert heard.header("anthropic-beta") == "a,b" and heard.header("te") is None
    assert heard.header("x-api-key") == "sk-mine" and heard.header("user-agent") == "me/1"
    assert heard.header("host") == upstream.url.removeprefix("http://")
    names = {name for name, _ in heard.headers}
    assert names <= {"host", "accept-encoding", "content-length", "content-type", "anthropic-beta", "x-api-key", "user-agent"}


@pytest.mark.parametrize(
    ("base", "asked", "wanted"),
    [
        ("", "/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("", "/messages", "/v1/messages"),
        ("", "/v1/v1/messages", "/v1/messages"),
        ("/v1", "/v1/messages", "/v1/messages"),
        ("/api/paas/v4", "/v1/messages", "/api/paas/v4/messages"),
        ("/v1/", "/messages/count_tokens", "/v1/messages/count_tokens"),
        ("", "/api/other%2Fpath?x=%20", "/api/other%2Fpath?x=%20"),
        ("", "/v1beta/models/g-1:streamGenerateContent?alt=sse", "/v1beta/models/g-1:streamGenerateContent?alt=sse"),
        ("/v1beta", "/models/g-1:generateContent", "/v1beta/models/g-1:generateContent"),
    ],
)
def test_with_and_without_v1(base: str, asked: str, wanted: str) -> None:
    from procy.gateway.paths import split_version, url_of, wire_of

    path, _, query = asked.partition("?")
    version, rest = split_version(path)
    assert url_of(f"http://u{base}", version, rest, query, wire_of(rest)) == f"http://u{wanted}"


def test_a_stream_goes_on_as_soon_as_it_comes(lab: GatewayLab, upstream: Upstream) -> None:
    seen = threading.Event()

    def slowly(heard: Heard, out: socket.socket) -> None:
        out.sendall(stream_head() + chunk(EVENTS[0]))
        assert seen.wait(30), "the client has not got the first event before the second was sent"
        out.sendall(b"".join(map(chunk, EVENTS[1:])) + LAST_CHUNK)

    upstream.script = slowly
    connection = lab.connect()
    connection.request("POST", f"/p/{lab.token}/v1/messages", b'{"stream":true}')
    response = connection.getresponse()
    assert response.read(len(EVENTS[0])) == EVENTS[0]
    seen.set()
    assert response.read() == b"".join(EVENTS[1:])
    (row,) = lab.rows()
    assert row["outcome"] == "ok" and row["first_byte_ms"] < row["duration_ms"]


def test_usage_is_merged_over_the_stream_and_costs(lab: GatewayLab) -> None:
    status, _, got = lab.post({"wish": "stream", "model": "asked"})
    assert (status, got) == (200, b"".join(EVENTS))
    (row,) = lab.rows()
    figures = [row[f"{name}_tokens"] for name in ("input", "output", "cache_read", "cache_write")]
    assert figures == [1200, 777, 9000, 300]
    assert row["cost_usd"] == pytest.approx((1200 * 10 + 777 * 100 + 9000 * 1 + 300 * 20) / 1e6)
    assert (row["model"], row["request_id"], row["wire"], row["upstream"]) == ("m-1", "req_1", "anthropic-messages", "up-claude")
    assert json.loads(str(row["usage"]))["output_tokens"] == 777


def test_a_compressed_reply_passes_and_is_read(lab: GatewayLab) -> None:
    _, headers, got = lab.post({"wish": "gzip"}, accept_encoding="gzip")
    assert dict(headers)["content-encoding"] == "gzip" and json.loads(gzip.decompress(got))["model"] == "m-1"
    (row,) = lab.rows()
    assert (row["input_tokens"], row["output_tokens"]) == (5, 6)


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
def test_an_upstreams_error_keeps_its_status_and_words(lab: GatewayLab, status: int) -> None:
    got = lab.post({"wish": status})
    assert got[0] == status and json.loads(got[2])["error"]["message"] == "busy"
    (row,) = lab.rows()
    assert (row["status"], row["outcome"]) == (status, "upstream_error") and "busy" in str(row["error"])


def test_without_an_upstream_the_remedy_is_said_in_the_clients_wire(lab: GatewayLab) -> None:
    status, _, body = lab.post({}, "/v1/chat/completions", "openai")
    error = json.loads(body)["error"]
    assert status == 503 and "procy gateway use" in error["message"] and error["code"] == "gateway_503"
    (row,) = lab.rows()
    assert (row["status"], row["outcome"]) == (503, "rejected")


def test_an_upstream_that_is_not_there_is_a_502(tmp_path: Path) -> None:
    with GatewayLab(tmp_path, {"claude": "http://127.0.0.1:9"}) as lab:
        status, _, body = lab.post({})
        assert status == 502 and json.loads(body)["error"]["type"] == "api_error"
        (row,) = lab.rows()
        assert row["outcome"] == "upstream_error" and row["status"] == 502


def test_a_silent_upstream_is_a_504_and_in_mid_stream_the_wires_error_event(tmp_path: Path, upstream: Upstream) -> None:
    release = threading.Event()

    def silent(heard: Heard, out: socket.socket) -> None:
        if b"mid" in heard.body:
            out.sendall(stream_head() + chunk(EVENTS[0] + b"event: content_block_delta\ndata: {half"))
        release.wait(30)
        raise StopIteration

    upstream.script = silent
    with GatewayLab(tmp_path, {"claude": upstream.url}, idle_s=0.5) as lab:
        assert lab.post(b"{}")[0] == 504
        status, _, got = lab.post(b'{"mid":1}')
        assert status == 200 and got.startswith(EVENTS[0] + b"event: error\ndata: {") and b"half" not in got
        rows = lab.rows(2)
        assert [row["outcome"] for row in rows] == ["timeout", "timeout"]
        assert rows[1]["input_tokens"] == 1200, "what was told before the end counts"
    release.set()


def test_a_client_that_goes_away_is_gone_at_the_upstream_too(lab: GatewayLab, upstream: Upstream) -> None:
    ended = threading.Event()

    def endless(heard: Heard, out: socket.socket) -> None:
        out.sendall(stream_head() + chunk(EVENTS[0]))
        out.settimeout(30)
        try:
            assert out.recv(1) == b"", "the gateway closes its connection"
        finally:
            ended.set()
        raise StopIteration

    upstream.script = endless
    connection = lab.connect()
    connection.request("POST", f"/p/{lab.token}/v1/messages", b"{}")
    connection.getresponse().read(10)
    connection.sock.close() if connection.sock else None
    connection.close()
    assert ended.wait(30)
    (row,) = lab.rows()
    assert row["outcome"] == "client_abort" and row["input_tokens"] == 1200


def test_an_upstreams_key_replaces_the_clients_and_is_stored_nowhere(tmp_path: Path, upstream: Upstream) -> None:
    secret, mine = "sk-upstream-0123456789abcdef", "sk-client-0123456789abcdef"
    upstream.script = lambda heard, out: out.sendall(
        reply(b'{"error":{"message":"wrong key ' + secret.encode() + b'"}}', "401 No")
    )
    with GatewayLab(tmp_path, {"claude": upstream.url}, key=Key("env MY_KEY", secret)) as lab:
        lab.post(b"{}", x_api_key=mine, authorization=f"Bearer {mine}", cookie=f"a={mine}")
        heard = upstream.heard[-1]
        assert heard.header("x-api-key") == secret and heard.header("authorization") is None
        (row,) = lab.rows()
        assert str(row["key"]).startswith("env MY_KEY ") and len(str(row["key"]).split()[-1]) == 8
        everything = lab.everything()
        for word in (secret, mine, lab.token):
            assert word.encode() not in everything
        assert b"[key " in everything


def test_health_tells_who_listens(lab: GatewayLab) -> None:
    for path in ("/health", "/v1/health"):
        connection = lab.connect("codex")
        connection.request("GET", path)
        told = json.loads(connection.getresponse().read())
        assert told["status"] == "ok" and told["service"] == "codex" and told["pid"] == os.getpid()
        assert told["active_config"] == "up-codex" and told["port"] == lab.ports["codex"]


def test_growing_conversations_are_kept_once(lab: GatewayLab) -> None:
    messages = [{"role": "user", "content": "Tell me about it. " * 40}]
    raw = 0
    for number in range(30):
        messages.append({"role": "assistant", "content": f"answer {number} " + os.urandom(200).hex()})
        body = json.dumps({"model": "m", "system": [{"type": "text", "text": "s" * 2000}], "messages": messages}).encode()
        raw += len(body)
        lab.post(body)
    rows = lab.rows(30)
    assert json.loads(lab.body(rows[-1]["id"], "request") or b"")["messages"] == messages
    packed = [bytes(row["parts"]) for row in lab.read("SELECT parts FROM exchange_bodies WHERE side = 'request'")]
    used = {one for parts in packed for one in unpack_ids(parts)}
    sizes = {row["id"]: int(str(row["size"])) for row in lab.read("SELECT id, length(data) AS size FROM exchange_parts")}
    kept = sum(map(len, packed)) + sum(sizes[one] for one in used)
    assert kept < raw / 8, f"{kept} of {raw}"


def test_redacted_and_dropped_at_rest(tmp_path: Path, upstream: Upstream) -> None:
    """``raw``: keep, redact or drop, as for terminals. The row's own figures stay."""
    secret = "ghp_" + "a1B2" * 10
    upstream.script = lambda heard, out: out.sendall(reply(json.dumps({"said": secret}).encode()))
    for raw in ("redact", "drop"):
        (tmp_path / raw).mkdir()
        with GatewayLab(tmp_path / raw, {"claude": upstream.url}, raw=raw) as lab:
            assert secret in lab.post({"messages": [{"role": "user", "content": f"my key is {secret}"}]})[2].decode()
            (row,) = lab.rows()
            assert row["request_sha"] and secret.encode() not in lab.everything()
            kept = lab.body(row["id"], "request")
            assert (row["bodies"], kept) == ("off", None) if raw == "drop" else b"[redacted:github-token]" in (kept or b"")


def test_old_bodies_go_and_shared_pieces_stay(lab: GatewayLab) -> None:
    history = [{"role": "user", "content": "the same in both " * 20}]
    lab.post({"model": "m", "messages": history})
    lab.post({"model": "m", "messages": [*history, {"role": "assistant", "content": "only in the second " * 20}]})
    first, second = lab.rows(2)
    before = lab.body(second["id"], "request")
    connection = open_writer(lab.db)
    with transaction(connection):
        assert drop_bodies(connection, str(second["started_at"])) == 1 and drop_loose_parts(connection) > 0
    connection.close()
    assert lab.body(first["id"], "request") is None and lab.body(second["id"], "request") == before
    lab.post({"model": "m", "messages": history})
    third = lab.rows(3)[-1]
    assert json.loads(lab.body(third["id"], "request") or b"")["messages"] == history, "the recorder looks again"


def test_calls_find_their_turn_whichever_comes_first(lab: GatewayLab) -> None:
    session, conversation = "01KB5M3Z6V8Q2R4T6W8Y0A2C4E", "5f3a7c1e-0000-4000-8000-000000000001"
    lab.post(b"{}", x_claude_code_session_id=conversation)
    (row,) = lab.rows()
    assert row["session_id"] is None and row["agent_session_id"] == conversation
    connection = open_writer(lab.db)
    start = from_iso(str(row["started_at"]))
    with transaction(connection):
        put_session(connection, session, {"agent": "claude-code", "started_at": iso(start - 10**10)})
        put_transcript(connection, session, "claude-code", conversation, "/t.jsonl", start - 10**10)
        for number, begun in enumerate((start - 5 * 10**9, start + 60 * 10**9)):
            turn = Turn(key=f"t{number}", prompt="p", started_ns=begun, agent_session_id=conversation)
            put_turn(connection, session, turn, str, None)
    lab.post(b"{}", x_claude_code_session_id=conversation)
    rows = lab.rows(2)
    first = connection.execute("SELECT id FROM turns ORDER BY started_at").fetchone()[0]
    assert [(one["session_id"], one["turn_id"]) for one in rows] == [(session, first)] * 2
    with transaction(connection):
        note_turns(connection, "id = ?", first, start)
    connection.close()
    assert lab.read("SELECT 1 FROM exchanges") == [], "what is forgotten takes its calls along"


def test_answers_without_a_body(lab: GatewayLab, upstream: Upstream) -> None:
    upstream.script = lambda heard, out: out.sendall(b"HTTP/1.1 204 No Content\r\nx-mine: 1\r\n\r\n")
    status, headers, body = lab.post(b"{}")
    assert (status, body, dict(headers)["x-mine"]) == (204, b"", "1")
    upstream.script = lambda heard, out: out.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n")
    status, headers, body = lab.post(b"", "/", method="HEAD")
    assert (status, body, dict(headers)["content-length"]) == (200, b"", "12")
    assert upstream.heard[-1].line == "HEAD / HTTP/1.1"
    assert [row["outcome"] for row in lab.rows(2)] == ["ok", "ok"]


def test_calls_over_one_connection_follow_each_other(lab: GatewayLab) -> None:
    connection = lab.connect()
    for number in range(20):
        connection.request("POST", f"/p/{lab.token}/v1/messages", json.dumps({"wish": ("json", "stream", 429)[number % 3]}))
        response = connection.getresponse()
        assert response.read() and response.status == (200, 200, 429)[number % 3]
    connection.close()
    assert len(lab.rows(20)) == 20
