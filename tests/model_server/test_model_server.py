"""The scripted model server over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.model_server import ModelServer
from tests.model_server.scenario import Usage, answer_for, big_text, echo_of, steps_for, usage_for, usage_of

BASH, EXEC = {"name": "Bash"}, {"type": "function", "name": "exec_command"}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


def anthropic(server: ModelServer, prompt: str, *later: dict, **extra: object) -> httpx.Response:
    messages = [{"role": "user", "content": prompt}, *later]
    return httpx.post(f"{server.url}/v1/messages", json={"model": "m", "messages": messages, "tools": [BASH], **extra})


def openai(server: ModelServer, *items: dict, **extra: object) -> httpx.Response:
    return httpx.post(f"{server.url}/v1/responses", json={"model": "m", "input": items, "tools": [EXEC], **extra})


def user(text: str) -> dict:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def events(response: httpx.Response) -> list[dict]:
    return [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("prompt", ["hello", "two lines\nof text", "big 3", "unicode", "slow 0.3"])
def test_both_wires_stream_the_same_answer(server: ModelServer, prompt: str) -> None:
    deltas = [
        event["delta"] for event in events(anthropic(server, prompt, stream=True)) if event["type"] == "content_block_delta"
    ]
    assert "".join(delta["text"] for delta in deltas) == answer_for(prompt)
    done = events(openai(server, user(prompt), stream=True))
    assert "".join(event["delta"] for event in done if event["type"] == "response.output_text.delta") == answer_for(prompt)
    assert done[-1]["response"]["output"][0]["content"][0]["text"] == answer_for(prompt)


def chat(server: ModelServer, *messages: dict, **extra: object) -> httpx.Response:
    return httpx.post(f"{server.url}/v1/chat/completions", json={"model": "m", "messages": messages, **extra})


def test_the_chat_wire_streams_text_calls_and_usage(server: ModelServer) -> None:
    tools = [{"type": "function", "function": {"name": "bash"}}]
    options = {"tools": tools, "stream": True, "stream_options": {"include_usage": True}}
    response = chat(server, {"role": "user", "content": "run: ls"}, **options)
    assert response.text.endswith("data: [DONE]\n\n")
    chunks = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "I will run it."
    (call,) = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert json.loads(call["function"]["arguments"])["command"] == "ls"
    assert (chunks[-1]["usage"]["prompt_tokens"], chunks[-1]["usage"]["completion_tokens"]) == (1110, 40)
    asked = [
        {"role": "user", "content": "run: ls"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "content": "a b"},
    ]
    assert chat(server, *asked, tools=tools).json()["choices"][0]["message"]["content"] == echo_of("run: ls")
    assert chat(server, {"role": "user", "content": "error 429"}).status_code == 429


def test_a_client_that_takes_edits_out_of_text_gets_them_there(server: ModelServer) -> None:
    system = {"role": "system", "content": "Every *SEARCH/REPLACE block* must ..."}
    said = chat(server, system, {"role": "user", "content": "edit: a.txt"}).json()["choices"][0]["message"]["content"]
    assert said == "I will edit it.\n\na.txt\n```\n<<<<<<< SEARCH\nfirst line\n=======\nchanged line\n>>>>>>> REPLACE\n```"


def test_tool_call_then_closing_text(server: ModelServer) -> None:
    first = anthropic(server, "run: ls").json()
    call = first["content"][-1]
    assert (first["stop_reason"], call["name"], call["input"]["command"]) == ("tool_use", "Bash", "ls")
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "a b"}]}
    last = anthropic(server, "run: ls", {"role": "assistant", "content": first["content"]}, result).json()
    assert "\n\n".join([first["content"][0]["text"], last["content"][0]["text"]]) == answer_for("run: ls")


def test_openai_prompt_folded_into_a_tool_turn(server: ModelServer) -> None:
    _, call = openai(server, user("run: ls")).json()["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "a b"}
    response = openai(server, user("run: ls"), call, output, user("and now?")).json()
    texts = [item["content"][0]["text"] for item in response["output"]]
    assert texts == [echo_of("run: ls"), echo_of("and now?")]


def test_usage_is_documented(server: ModelServer) -> None:
    count = anthropic(server, "think").json()["usage"]
    assert (count["input_tokens"], count["cache_read_input_tokens"], count["output_tokens"]) == (100, 1000, 50)
    assert openai(server, user("think")).json()["usage"]["input_tokens"] == 1110
    assert usage_for("steps 3: ls") == sum(map(usage_of, steps_for("steps 3: ls")), Usage())
    assert usage_for("steps 3: ls").output == 3 * 40 + 20


def test_failures(server: ModelServer) -> None:
    assert [anthropic(server, "error 529").status_code for _ in range(2)] == [529, 529]
    assert [anthropic(server, "flaky 500").status_code for _ in range(2)] == [500, 200]
    assert openai(server, user("error 400")).json()["error"]["message"] == "scripted 400"
    with pytest.raises(httpx.RemoteProtocolError):
        anthropic(server, "cut", stream=True)
    assert not server.errors


def test_what_arrived_is_kept(server: ModelServer) -> None:
    anthropic(server, "hello")
    assert httpx.head(server.url).status_code == 200
    assert httpx.get(f"{server.url}/nowhere").status_code == 404
    counted = httpx.post(f"{server.url}/v1/messages/count_tokens", json={"messages": []})
    assert counted.json()["input_tokens"] > 0
    assert [(received.wire, received.request.path) for received in server.requests] == [
        ("anthropic-messages", "/v1/messages"), ("", "/"), ("", "/nowhere"), ("anthropic-messages", "/v1/messages/count_tokens"),
    ]  # fmt: skip
    assert server.requests[0].conversation.prompt == "hello"


def test_a_tool_the_client_lacks_is_answered_in_words(server: ModelServer) -> None:
    answer = anthropic(server, "write: a.txt").json()
    assert (answer["stop_reason"], answer["content"][-1]["type"]) == ("end_turn", "text")


def test_big_text_is_exact() -> None:
    assert [len(big_text(kib).encode()) for kib in (1, 64, 256)] == [1024, 65536, 262144]
