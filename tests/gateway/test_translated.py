"""The providers' own libraries through a real gateway, to upstreams of another wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest

from procy.parse.wire.translate import QUIRKS
from procy.settings import upstreams
from tests.gateway.lab import GatewayLab, Upstream, reply
from tests.gateway.test_steered import Steerable
from tests.gateway.translating import to
from tests.model_server import ModelServer
from tests.model_server.scenario import echo_of

SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}}
BASH = [{"type": "function", "function": {"name": "Bash", "parameters": SCHEMA}}]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server
    assert not server.errors


@pytest.fixture(scope="module")
def chat(server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayLab]:
    """Its clients speak openai-chat, its upstream anthropic-messages."""
    with GatewayLab(tmp_path_factory.mktemp("chat"), {}, steering=to("openai", server.url, "anthropic-messages")) as lab:
        yield lab


def openai_client(lab: GatewayLab) -> openai.OpenAI:
    return openai.OpenAI(api_key="sk-secret-of-a-test", base_url=f"{lab.url('openai')}/v1", max_retries=0)


def ask(text: str) -> dict:
    return {"model": "m", "messages": [{"role": "user", "content": text}], "tools": BASH}


def test_a_chat_with_an_upstream_of_messages(chat, server):
    client = openai_client(chat)
    with client.chat.completions.stream(**ask("run: echo hi")) as events:
        list(events)
        first = events.get_final_completion().choices[0]
    call = first.message.tool_calls[0]
    assert (first.finish_reason, json.loads(call.function.arguments)["command"]) == ("tool_calls", "echo hi")
    history = [
        *ask("run: echo hi")["messages"],
        first.message.to_dict(),
        {"role": "tool", "tool_call_id": call.id, "content": "hi"},
    ]
    answer = client.chat.completions.create(model="m", messages=history, tools=BASH)
    assert answer.choices[0].message.content == echo_of("run: echo hi")
    assert (answer.usage.prompt_tokens, answer.usage.prompt_tokens_details.cached_tokens) == (1110, 1000)

    heard = server.requests[-1].request
    assert (heard.path, heard.headers["x-api-key"], heard.headers["anthropic-version"]) == (
        "/v1/messages", "sk-secret-of-a-test", "2023-06-01",
    )  # fmt: skip
    assert not [name for name in heard.headers if name.startswith("x-stainless") or name == "authorization"]

    rows = chat.rows(2)[-2:]
    assert [(row["outcome"], row["status"], row["wire"]) for row in rows] == [("ok", 200, "openai-chat")] * 2
    assert [(row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) for row in rows] == [
        (100, 1000, 40),
        (100, 1000, 20),
    ]
    told = {(change["what"], change["name"]) for change in json.loads(str(rows[0]["changes"]))}
    assert {("wire", "wire"), ("wire", "max_tokens"), ("header", "anthropic-version")} <= told
    assert b"sk-secret-of-a-test" not in chat.everything()


def test_errors_of_the_upstream_are_the_clients(chat):
    client = openai_client(chat)
    with pytest.raises(openai.RateLimitError, match="scripted 429"):
        client.chat.completions.create(**ask("error 429"))
    with pytest.raises(openai.APIError, match=r"broke off|ended before its end"):
        list(client.chat.completions.create(**ask("cut"), stream=True))
    with pytest.raises(openai.BadRequestError, match=r"logprobs has no counterpart.*Leave it out"):
        client.chat.completions.create(**ask("hi"), logprobs=True)


def test_messages_with_an_upstream_of_responses(server, tmp_path):
    with GatewayLab(tmp_path, {}, steering=to("claude", server.url, "openai-responses")) as lab:
        client = anthropic.Anthropic(api_key="k", base_url=lab.url(), max_retries=0)
        with client.messages.stream(model="m", max_tokens=50, messages=[{"role": "user", "content": "think"}]) as events:
            thinking, text = events.get_final_message().content
        assert thinking.thinking.startswith("Let me think")
        assert text.text == echo_of("think")
        turns = [
            {"role": "user", "content": "think"},
            {"role": "assistant", "content": [thinking, text]},
            {"role": "user", "content": "again"},
        ]
        client.messages.create(model="m", max_tokens=50, messages=turns)
        reasoning = next(item for item in server.requests[-1].request.body["input"] if item["type"] == "reasoning")
        assert reasoning["encrypted_content"] == "c2NyaXB0ZWQ=", "as the upstream had sealed it"
        with pytest.raises(anthropic.NotFoundError):  # the scripted server has no such path
            client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hi"}])
        assert server.requests[-1].request.path == "/v1/responses/input_tokens"


def test_an_upstream_that_cannot_stream_with_tools(tmp_path):
    call = {"id": "call_1", "type": "function", "function": {"name": "Bash", "arguments": '{"command":"ls"}'}}
    message = {"role": "assistant", "content": "Look.", "tool_calls": [call]}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}  # fmt: skip
    upstream = Upstream(lambda heard, out: out.sendall(reply(json.dumps(body).encode())))
    with GatewayLab(tmp_path, {}, steering=to("openai", upstream.url, "", "no-stream-with-tools")) as lab:
        with openai_client(lab).chat.completions.stream(**ask("hi"), stream_options={"include_usage": True}) as events:
            kinds = {event.type for event in events}
            completion = events.get_final_completion()
        (row,) = lab.rows()
    upstream.close()
    assert "stream" not in json.loads(upstream.heard[0].body)
    assert {"chunk", "content.delta", "tool_calls.function.arguments.delta"} <= kinds
    assert completion.choices[0].message.tool_calls[0].function.arguments == '{"command":"ls"}'
    assert (completion.usage.total_tokens, row["input_tokens"], row["outcome"]) == (10, 7, "ok")


def test_bytes_of_the_clients_own_wire_are_not_touched(tmp_path):
    upstream = Upstream(lambda heard, out: out.sendall(reply(b'{"odd" :  "json"}')))
    with GatewayLab(tmp_path, {}, steering=to("openai", upstream.url, "openai-chat", "no-stream-with-tools")) as lab:
        raw = b'{"model":"m",  "messages":[], "unknown": 1}'
        assert lab.post(raw, "/v1/chat/completions", "openai")[2] == b'{"odd" :  "json"}'
    upstream.close()
    assert upstream.heard[0].body == raw


def test_where_the_key_goes(tmp_path: Path, server: ModelServer) -> None:
    with GatewayLab(tmp_path, {}, steering=to("claude", server.url, "openai-responses")) as lab:
        body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
        status, _, _ = lab.post(body, "/v1/messages?beta=true", x_api_key="sk-mine", anthropic_beta="a-1")
    heard = server.requests[-1].request
    assert (status, heard.path, heard.headers["authorization"]) == (200, "/v1/responses", "Bearer sk-mine")
    assert not {"x-api-key", "anthropic-beta"} & heard.headers.keys()


def test_a_list_of_models_is_asked_for_as_the_upstream_wants_it(tmp_path: Path) -> None:
    upstream = Upstream(lambda heard, out: out.sendall(reply(b'{"data": [{"type": "model", "id": "m-1"}], "has_more": false}')))
    with GatewayLab(tmp_path, {}, steering=to("openai", upstream.url, "anthropic-messages")) as lab:
        assert [model.id for model in openai_client(lab).models.list()] == ["m-1"]
        lab.post(b"", "/v1/models", "openai", "GET", anthropic_version="2023-06-01", x_api_key="sk-mine")
    upstream.close()
    asked, own = upstream.heard
    assert (asked.header("anthropic-version"), asked.header("x-api-key")) == ("2023-06-01", "sk-secret-of-a-test")
    assert (asked.header("authorization"), own.header("x-api-key")) == (None, "sk-mine")


def test_a_conversation_goes_on_when_the_upstream_is_switched_to_another_wire(tmp_path: Path, server: ModelServer) -> None:
    def settings(wire: str) -> str:
        return f'[upstreams.one]\nservice = "claude"\nbase_url = "{server.url}"\nwire = "{wire}"\nactive = true\n'

    turns: list[dict] = []
    with Steerable(tmp_path, settings("openai-responses")) as lab:
        client = anthropic.Anthropic(api_key="k", base_url=lab.url(), max_retries=0)
        for wire in ("openai-responses", "anthropic-messages", "openai-responses"):
            lab.write(settings(wire))
            turns.append({"role": "user", "content": "think"})
            message = client.messages.create(model="m", max_tokens=50, messages=turns)
            turns.append({"role": "assistant", "content": [block.to_dict() for block in message.content]})
            assert [block.type for block in message.content] == ["thinking", "text"]
        rows = lab.rows(3)
    second, third = server.requests[-2].request, server.requests[-1].request
    assert (second.path, third.path) == ("/v1/messages", "/v1/responses")
    assert [block["type"] for block in second.body["messages"][1]["content"]] == ["text"], "the other's reasoning stayed behind"
    assert [item["type"] for item in third.body["input"]].count("reasoning") == 1, "its own came back, and no other"
    assert [(row["outcome"], row["input_tokens"], row["reasoning_tokens"]) for row in rows] == [("ok", 100, 30)] * 3


def test_settings_and_documentation_know_every_quirk() -> None:
    page = Path(__file__).parents[2].joinpath("docs/wires.md").read_text()
    assert set(upstreams.QUIRKS) == set(QUIRKS)
    assert all(f"`{quirk}`" in page for quirk in QUIRKS)
