"""An upstream's answer in the client's wire: whole, streamed, cut anywhere, and failed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procy.parse.wire.answer import Answer
from procy.parse.wire.dialects import DIALECTS
from procy.parse.wire.gathering import Gathering
from procy.parse.wire.neutral import Begun, Call, Closed, Failed, Failure, Grown, Opened, Reasoning, Reply, Text, settled
from procy.parse.wire.sse import Parser
from procy.parse.wire.texts import encoded
from procy.parse.wire.translate import translate_request
from procy.parse.wire.usage import objects
from procy.types import Usage
from tests.parse.wire.dialogues import CHAT, MESSAGES, PAIRS, REPLY, RESPONSES, WIRES, asked, stream_of, whole_of


def events_of(raw: bytes) -> list[dict]:
    return [value for event in Parser().feed(raw) for value in objects(event.data)]


def gathered(wire: str, raw: bytes) -> Gathering:
    """What a client of that wire makes of a stream."""
    reader, gathering = DIALECTS[wire].reader(), Gathering()
    for value in events_of(raw):
        for event in reader.take(value):
            gathering.take(event)
    for event in reader.finish():
        gathering.take(event)
    return gathering


def streamed(client: str, upstream: str, raw: bytes, pieces: int = 0, **more) -> bytes:
    answer = Answer(asked(client, upstream, stream=True, **more), 1, "reply_0")
    size = pieces or len(raw) or 1
    return b"".join(answer.feed(raw[at : at + size]) for at in range(0, len(raw), size)) + answer.end()


def whole(client: str, upstream: str, raw: bytes, status: int = 200, **more):
    return Answer(asked(client, upstream, **more), 1, "reply_0").whole(status, raw)


def comparable(reply: Reply) -> Reply:
    """Without what the wires have not in common: seals, how JSON is spaced, texts beside each other, and empty ones."""
    parts: list = []
    for part in reply.parts:
        if isinstance(part, Call):
            parts.append(replace(part, arguments=json.dumps(json.loads(part.arguments or "{}"))))
        elif (
            part.text
            and parts
            and type(parts[-1]) is type(part)
            and getattr(part, "refusal", 0) == getattr(parts[-1], "refusal", 0)
        ):
            parts[-1] = type(part)(parts[-1].text + part.text)
        elif part.text:
            parts.append(replace(part, seal="") if isinstance(part, Reasoning) else part)
    usage = {name: getattr(reply.usage, name) or 0 for name in ("input", "output", "cache_read", "cache_write", "reasoning")}
    return replace(reply, parts=tuple(parts), usage=Usage(**usage))


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_reply_of_reasoning_text_and_parallel_calls(client, upstream):
    answered = whole(client, upstream, whole_of(upstream, REPLY))
    assert answered.status == 200
    assert comparable(DIALECTS[client].read_reply(json.loads(answered.body))) == comparable(REPLY)
    assert comparable(gathered(client, streamed(client, upstream, stream_of(upstream, REPLY))).reply) == comparable(REPLY)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_stream_cut_anywhere_gives_the_same(client, upstream):
    raw = stream_of(upstream, REPLY)
    expected = streamed(client, upstream, raw)
    for size in (1, 2, 7, 64):
        assert streamed(client, upstream, raw, size) == expected
    for gap in (b"\r\n", b"\r"):
        assert streamed(client, upstream, raw.replace(b"\n", gap), 3) == expected


words = st.text(st.characters(codec="utf-8"), max_size=12)
names = st.text("abcXYZ_-09", min_size=1, max_size=10)
values = st.recursive(st.none() | st.booleans() | st.integers() | words, lambda one: st.lists(one, max_size=3), max_leaves=5)
arguments = st.dictionaries(words, values, max_size=3).map(json.dumps)
counts = st.integers(0, 10**9)


@st.composite
def replies(draw) -> Reply:
    """What every wire can say: reasoning first, then text, then calls, as ``openai-chat`` orders them."""
    thoughts = draw(st.lists(words.filter(bool).map(Reasoning), max_size=1))
    texts = draw(st.lists(words.filter(bool).map(Text), max_size=1))
    calls = [Call(f"call_{at}", draw(names), draw(arguments)) for at in range(draw(st.integers(0, 3)))]
    parts = (*thoughts, *texts, *calls)
    output = draw(counts)
    usage = Usage(
        input=draw(counts),
        output=output,
        cache_read=draw(counts),
        cache_write=draw(counts),
        reasoning=draw(st.integers(0, output)),
    )
    stop = draw(st.sampled_from(["end", "length"]))
    return Reply(id=draw(names), model=draw(names), parts=parts, stop=settled(stop, parts), usage=usage)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@settings(max_examples=15, deadline=None)
@given(reply=replies(), size=st.integers(1, 200))
def test_streamed_and_whole_replies_say_the_same(client, upstream, reply, size):
    answered = json.loads(whole(client, upstream, whole_of(upstream, reply)).body)
    stream = streamed(client, upstream, stream_of(upstream, reply), size)
    assert comparable(DIALECTS[client].read_reply(answered)) == comparable(reply)
    assert comparable(gathered(client, stream).reply) == comparable(reply)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_stream_that_ends_early_ends_in_an_error_of_the_clients_wire(client, upstream):
    raw = stream_of(upstream, REPLY)
    last = raw.rstrip(b"\n").rfind(b"\n\n") if upstream != CHAT else raw.find(b'"finish_reason":"')
    for end in range(0, last, 97):
        out = streamed(client, upstream, raw[:end])
        gathering = gathered(client, out)
        assert gathering.failure == Failure(
            502, "the upstream's stream ended before its end", gathering.failure.kind, gathering.failure.code
        )
    assert gathered(client, streamed(client, upstream, raw)).failure is None


ERRORS = {
    MESSAGES: b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Too \\"busy\\""}}\n\n',
    CHAT: b'data: {"error":{"message":"Too \\"busy\\"","type":"server_error","code":529}}\n\n',
    RESPONSES: b'event: response.failed\ndata: {"type":"response.failed","response":{"id":"r","status":"failed",'
    b'"error":{"code":"server_is_overloaded","message":"Too \\"busy\\""}}}\n\n',
}


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_an_error_in_mid_stream(client, upstream):
    raw = stream_of(upstream, REPLY)
    head = raw[: raw.index(b"I look")]
    head = head[: head.rfind(b"\n\n") + 2]
    out = streamed(client, upstream, head + ERRORS[upstream])
    failure = gathered(client, out).failure
    assert failure.message == 'Too "busy"'
    assert failure.status in (503, 529)
    assert b"[DONE]" not in out
    last = events_of(out)[-1]
    form = {MESSAGES: "error", RESPONSES: "response.failed", CHAT: None}[client]
    assert last.get("type") == form
    assert client != CHAT or last["error"]["message"] == 'Too "busy"'


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_an_error_reply_keeps_its_status_and_words(client, upstream):
    bodies = {MESSAGES: {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}}
    body = bodies.get(
        upstream, {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded", "param": None}}
    )
    answered = whole(client, upstream, json.dumps(body).encode(), 429)
    value = json.loads(answered.body)
    assert (answered.status, answered.content_type) == (429, "application/json")
    assert value["error"]["message"] == "slow down"
    if client == MESSAGES:
        assert (value["type"], value["error"]["type"]) == ("error", "rate_limit_error")
    else:
        assert value["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"", b"\xff\xfe", b'{"detail":"Not found"}', b"[" * 100_000])
def test_errors_that_are_no_error_objects(body):
    for client, upstream in PAIRS:
        answered = whole(client, upstream, body, 503)
        assert answered.status == 503
        assert json.loads(answered.body)["error"]["message"]
        assert whole(client, upstream, body.replace(b"detail", b"error")).status == 502


def test_an_error_with_a_good_status_is_an_error():
    answered = whole(MESSAGES, CHAT, b'{"error": {"message": "no credit", "code": 402}}')
    assert (answered.status, json.loads(answered.body)["error"]["message"]) == (402, "no credit")


@pytest.mark.parametrize("client", WIRES)
def test_a_whole_reply_is_streamed_for_an_upstream_that_cannot_stream_with_tools(client):
    body = {**asked(CHAT, client).body, "stream": True} if client != CHAT else asked(MESSAGES, CHAT).body | {"stream": True}
    if client == CHAT:
        body["stream_options"] = {"include_usage": True}
    translated = translate_request(client, CHAT, DIALECTS[client].path, body, ["no-stream-with-tools"])
    answered = Answer(translated, 1, "reply_0").whole(200, whole_of(CHAT, REPLY))
    assert (answered.status, answered.content_type) == (200, "text/event-stream")
    assert comparable(gathered(client, answered.body).reply) == comparable(REPLY)


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_client_that_wants_the_whole_gets_it_from_a_stream(client, upstream):
    answer = Answer(asked(client, upstream), 1, "reply_0")
    assert answer.feed(stream_of(upstream, REPLY)) == b""
    assert comparable(DIALECTS[client].read_reply(json.loads(answer.end()))) == comparable(REPLY)


def chunk(delta: dict, reason: str | None = None) -> bytes:
    return (
        b"data: "
        + json.dumps({"id": "c", "model": "m", "choices": [{"delta": delta, "finish_reason": reason}]}).encode()
        + b"\n\n"
    )


def test_calls_that_a_server_streams_among_each_other_come_one_after_the_other():
    def piece(index, arguments, **more):
        return chunk({"tool_calls": [{"index": index, **more, "function": {"name": more.get("id", ""), "arguments": arguments}}]})

    raw = piece(0, '{"a', id="one") + piece(1, '{"b"', id="two") + piece(0, '":1}') + piece(1, ":2}") + chunk({}, "stop")
    reply = gathered(MESSAGES, streamed(MESSAGES, CHAT, raw)).reply
    assert reply.parts == (Call("one", "one", '{"a":1}'), Call("two", "two", '{"b":2}'))
    assert reply.stop == "tool_use"
    indices = [value["index"] for value in events_of(streamed(MESSAGES, CHAT, raw)) if "index" in value]
    assert indices == sorted(indices)


@pytest.mark.parametrize("index", [{"index": 0}, {}])
def test_calls_that_a_server_gives_one_index_or_none_are_several(index):
    def piece(identity, arguments):
        return chunk({"tool_calls": [{**index, "id": identity, "function": {"name": "sh", "arguments": arguments}}]})

    raw = piece("one", '{"a":1}') + piece("two", '{"b":2}') + piece("", "") + chunk({}, "stop")
    reply = gathered(MESSAGES, streamed(MESSAGES, CHAT, raw)).reply
    assert reply.parts == (Call("one", "sh", '{"a":1}'), Call("two", "sh", '{"b":2}'))


def test_a_conversation_that_is_too_long_is_known_as_such():
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000"}}'
    assert json.loads(whole(RESPONSES, MESSAGES, body, 400).body)["error"]["code"] == "context_length_exceeded"
    body = b'{"error":{"message":"Your input exceeds the context window of this model.","code":"context_length_exceeded"}}'
    message = json.loads(whole(MESSAGES, RESPONSES, body, 400).body)["error"]["message"]
    assert message == "prompt is too long: Your input exceeds the context window of this model."


@pytest.mark.parametrize("client", [MESSAGES, RESPONSES])
def test_a_character_that_a_server_cuts_in_two(client):
    raw = chunk({"content": "\ud83d"}) + chunk({"content": "\ude00"}) + chunk({}, "stop")
    out = streamed(client, CHAT, raw)
    assert (
        "".join(part.text for part in gathered(client, out).reply.parts).encode("utf-16", "surrogatepass").decode("utf-16")
        == "😀"
    )
    assert b"\\ud83d" in out
    body = asked(CHAT, client, messages=[{"role": "user", "content": "half \ud83d"}]).body
    assert json.loads(encoded(body)) == body


def test_items_that_a_server_streams_among_each_other_come_one_after_the_other():
    def event(kind, index, **more):
        return b"data: " + json.dumps({"type": f"response.{kind}", "output_index": index, **more}).encode() + b"\n\n"

    def call(name, arguments=""):
        return {"type": "function_call", "call_id": name, "name": name, "arguments": arguments}

    raw = (
        event("created", None, response={"id": "r", "model": "m"})
        + event("output_item.added", 0, item=call("one"))
        + event("output_item.added", 1, item=call("two"))
        + event("function_call_arguments.delta", 0, delta='{"a"')
        + event("function_call_arguments.delta", 1, delta="{}")
        + event("output_item.done", 1, item=call("two", "{}"))
        + event("function_call_arguments.delta", 0, delta=":1}")
        + event("output_item.done", 0, item=call("one", '{"a":1}'))
        + event("completed", None, response={"status": "completed", "output": []})
    )
    reply = gathered(CHAT, streamed(CHAT, RESPONSES, raw)).reply
    assert reply.parts == (Call("one", "one", '{"a":1}'), Call("two", "two", "{}"))
    assert reply.stop == "tool_use"


def test_arguments_reach_the_client_as_they_come():
    raw = stream_of(MESSAGES, REPLY)
    answer = Answer(asked(CHAT, MESSAGES, stream=True), 1, "reply_0")
    out = answer.feed(raw[: raw.index("Zürich".encode())])
    assert b'"name":"weather"' in out
    assert "東京".encode() not in out
    assert "東京".encode() in answer.feed(raw[raw.index("Zürich".encode()) :])


FREEFORM = [
    {"type": "custom", "name": "patch"},
    {"type": "namespace", "name": "mcp", "tools": [{"type": "function", "name": "ask"}]},
]


def test_calls_of_freeform_tools_and_namespaces_are_what_the_client_knows():
    calls = (Call("a", "patch", '{"input": "*** Begin\\n"}'), Call("b", "mcp__ask", '{"q":1}'), Call("c", "patch", "no json"))
    reply = Reply(id="r", model="m", parts=calls, stop="tool_use")
    known = (
        Call("a", "patch", "*** Begin\n", True),
        Call("b", "ask", '{"q":1}', namespace="mcp"),
        Call("c", "patch", "no json", True),
    )
    body = whole(RESPONSES, CHAT, whole_of(CHAT, reply), tools=FREEFORM, tool_choice="auto").body
    assert DIALECTS[RESPONSES].read_reply(json.loads(body)).parts == known
    out = streamed(RESPONSES, CHAT, stream_of(CHAT, reply), 5, tools=FREEFORM, tool_choice="auto")
    assert gathered(RESPONSES, out).reply.parts == known


def test_sealed_reasoning_comes_back_to_its_own_upstream_unchanged():
    """Client of Responses, upstream of Messages: the signature goes out in a reply and back in the next request."""
    body = json.loads(whole(RESPONSES, MESSAGES, sealed(MESSAGES)).body)
    following = asked(RESPONSES, MESSAGES, input=[*body["output"], {"role": "user", "content": "go on"}]).body
    assert following["messages"][0]["content"][:2] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQB.x="}, {"type": "redacted_thinking", "data": "hidden"},
    ]  # fmt: skip
    block = json.loads(whole(MESSAGES, RESPONSES, sealed(RESPONSES)).body)["content"][0]
    following = asked(MESSAGES, RESPONSES, messages=[{"role": "assistant", "content": [block]}]).body
    assert following["input"][0] == {
        "type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "gAAA",
    }  # fmt: skip


def sealed(wire: str) -> bytes:
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQB.x="}, {"type": "redacted_thinking", "data": "hidden"},
        {"type": "text", "text": "Yes."},
    ]  # fmt: skip
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "gAAA"}
    bodies = {MESSAGES: {"id": "m", "model": "m", "content": content, "stop_reason": "end_turn"},
              RESPONSES: {"id": "r", "model": "m", "output": [item], "status": "completed"}}  # fmt: skip
    return json.dumps(bodies[wire]).encode()


def test_hidden_reasoning_is_streamed_as_such():
    reply = Reply(id="m", model="m", parts=(Reasoning("", "data", hidden=True), Text("Yes.")))
    out = events_of(streamed(RESPONSES, MESSAGES, stream_of(MESSAGES, reply)))
    item = next(value["item"] for value in out if value["type"] == "response.output_item.done")
    assert item["summary"] == []
    assert item["encrypted_content"].startswith("procy.anthropic-messages.hidden.")


@pytest.mark.parametrize(
    ("stop", "messages", "chat", "responses"),
    [
        ("end", "end_turn", "stop", "completed"),
        ("length", "max_tokens", "length", "incomplete"),
        ("refusal", "refusal", "content_filter", "incomplete"),
    ],
)
def test_why_a_model_stopped(stop, messages, chat, responses):
    reply = Reply(id="r", model="m", parts=(Text("x"),), stop=stop)
    for client, upstream in PAIRS:
        value = json.loads(whole(client, upstream, whole_of(upstream, reply)).body)
        said = {MESSAGES: value.get("stop_reason"), RESPONSES: value.get("status")}
        assert (said.get(client) or value["choices"][0]["finish_reason"]) == {
            MESSAGES: messages,
            CHAT: chat,
            RESPONSES: responses,
        }[client]


def test_what_a_client_of_chat_did_not_ask_for_it_does_not_get():
    raw = stream_of(MESSAGES, REPLY)
    assert b'"usage"' in streamed(CHAT, MESSAGES, raw)
    assert b'"usage"' not in streamed(CHAT, MESSAGES, raw, stream_options=None)


def test_counted_tokens():
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    translated = translate_request(MESSAGES, RESPONSES, "/v1/messages/count_tokens", body)
    answered = Answer(translated, 1, "").whole(200, b'{"object":"response.input_tokens","input_tokens":7}')
    assert json.loads(answered.body) == {"input_tokens": 7}


def test_a_gateway_that_has_to_end_a_stream_says_so_once():
    answer = Answer(asked(MESSAGES, CHAT, stream=True), 1, "reply_0")
    answer.feed(chunk({"content": "Hal"}))
    assert events_of(answer.broken(Failure(504, "too slow")))[-1]["error"]["message"] == "too slow"
    assert answer.broken(Failure(504, "too slow")) == b""
    assert answer.feed(chunk({"content": "lo"})) == b""


def test_a_reply_without_an_id_gets_the_one_given():
    raw = chunk({"content": "x"}, "stop").replace(b'"id": "c"', b'"id": ""')
    assert gathered(RESPONSES, streamed(RESPONSES, CHAT, raw)).reply.id == "reply_0"


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda one: st.lists(one, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["type", "index", "delta", "content", "choices", "message", "response", "item", "output", "usage", "tool_calls",
             "function", "content_block", "error", "summary", "id", "output_index", "part"]
        ), one, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(odd, max_size=4),
    kind=st.sampled_from(["message_start", "content_block_delta", "response.output_item.done", "error"]),
)
def test_an_upstream_that_talks_nonsense_breaks_nothing(values, kind):
    raw = b"".join(
        b"data: " + json.dumps({"type": kind, **one} if isinstance(one, dict) else one).encode() + b"\n\n" for one in values
    )
    for client, upstream in PAIRS:
        streamed(client, upstream, raw)
        for one in values:
            whole(client, upstream, json.dumps(one).encode())


def test_events_of_a_part_come_in_order():
    """Between the opening of a part and its close there is nothing of another one."""
    for upstream in WIRES:
        reader, current = DIALECTS[upstream].reader(), None
        for value in events_of(stream_of(upstream, REPLY)):
            for event in reader.take(value):
                if isinstance(event, Opened):
                    assert current is None
                    current = event.index
                elif isinstance(event, Grown | Closed):
                    assert event.index == current
                    current = None if isinstance(event, Closed) else current
                assert not isinstance(event, Failed)
                assert isinstance(event, Begun) or current is None or current >= 0


def test_a_stream_that_an_upstream_answers_with_nonsense_ends_in_an_error():
    for client, upstream in PAIRS:
        answered = Answer(asked(client, upstream, stream=True), 1, "reply_0").whole(200, b"<html>")
        assert (answered.status, answered.content_type) == (200, "text/event-stream")
        assert "is no reply of" in gathered(client, answered.body).failure.message
