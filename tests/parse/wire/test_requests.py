"""A request of one wire as a request of another: what goes through, what is refused by name, what is dropped aloud."""

from __future__ import annotations

import contextlib
import json

import pytest

from procy.errors import WireError
from procy.parse.wire import seals
from procy.parse.wire.answer import Answer
from procy.parse.wire.dialects import DIALECTS
from procy.parse.wire.translate import is_needed, translate_request
from tests.parse.wire.dialogues import ASKED, CHAT, MESSAGES, PAIRS, PIXEL, RESPONSES, WIRES, asked


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_the_same_request_on_every_wire(client, upstream):
    translated = asked(client, upstream)
    assert plain(translated.body) == plain(ASKED[upstream])
    assert translated.path == DIALECTS[upstream].path
    assert translated.lost == (("store: the answer is kept by no provider",) if ASKED[client].get("store") else ())


def plain(value):
    """A text alone and a list of one text are the same; and so is what a wire's default says."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    result = {key: plain(one) for key, one in value.items() if (key, one) != ("detail", "auto")}
    content = result.get("content")
    if isinstance(content, list) and len(content) == 1 and content[0].get("type") in ("text", "input_text", "output_text"):
        result["content"] = content[0]["text"]
    return result


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_there_and_back_keeps_what_both_wires_have(client, upstream):
    there = asked(client, upstream).body
    back = translate_request(upstream, client, DIALECTS[upstream].path, there).body
    again = translate_request(client, upstream, DIALECTS[client].path, back).body
    assert again == there


def request_to(client, upstream, **fields):
    least = {MESSAGES: {"max_tokens": 20, "messages": []}, CHAT: {"messages": []}, RESPONSES: {"input": []}}
    return translate_request(client, upstream, DIALECTS[client].path, {"model": "m", **least[client], **fields})


@pytest.mark.parametrize(
    ("client", "upstream", "fields", "named"),
    [
        (CHAT, MESSAGES, {"n": 2}, "n "),
        (CHAT, MESSAGES, {"logprobs": True}, "logprobs"),
        (CHAT, MESSAGES, {"temperature": 1.5}, "temperature"),
        (CHAT, MESSAGES, {"response_format": {"type": "json_object"}}, "response_format"),
        (CHAT, RESPONSES, {"stop": ["END"]}, "stop"),
        (CHAT, MESSAGES, {"functions": [{"name": "f"}]}, "functions"),
        (CHAT, MESSAGES, {"messages": [{"role": "bard", "content": "x"}]}, "messages[0].role"),
        (CHAT, MESSAGES, {"messages": ["x"]}, "messages"),
        (CHAT, MESSAGES, {"max_tokens": "many"}, "max_tokens"),
        (CHAT, MESSAGES, {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type"),
        (CHAT, MESSAGES, {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": f"data:image/bmp;base64,{PIXEL}"}}]}]}, "image/bmp"),
        (RESPONSES, CHAT, {"previous_response_id": "resp_1"}, "previous_response_id"),
        (RESPONSES, CHAT, {"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        (RESPONSES, CHAT, {"tool_choice": {"type": "web_search_preview"}}, "tool_choice.type"),
        (RESPONSES, CHAT, {"reasoning": {"effort": "enormous"}}, "reasoning.effort"),
        (MESSAGES, CHAT, {"mcp_servers": [{"url": "x"}]}, "mcp_servers"),
        (MESSAGES, CHAT, {"messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "file", "file_id": "f"}}]}]}, "messages[0].content[0].source.type"),
        (MESSAGES, CHAT, {"messages": [{"role": "user", "content": [
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}]}]}, "document"),
        (MESSAGES, CHAT, {"tools": [{"type": "web_search_20250305", "name": "web_search"}],
                          "tool_choice": {"type": "tool", "name": "web_search"}}, "tool_choice.name"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name(client, upstream, fields, named):
    with pytest.raises(WireError) as error:
        request_to(client, upstream, **fields)
    assert error.value.status == 400
    assert named in error.value.what
    assert error.value.remedy.endswith(".")


@pytest.mark.parametrize(
    ("client", "upstream", "fields", "lost"),
    [
        (CHAT, MESSAGES, {"seed": 1, "max_tokens": 5}, ["seed"]),
        (CHAT, MESSAGES, {"max_tokens": 5, "new_field": 1}, ["new_field"]),
        (CHAT, MESSAGES, {}, ["max_tokens"]),
        (MESSAGES, CHAT, {"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}, ["cache_control"]),
        (MESSAGES, CHAT, {"tools": [{"type": "web_search_20250305", "name": "w"}]}, ["tools.web_search_20250305"]),
        (MESSAGES, CHAT, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, ["thinking.budget_tokens"]),
        (MESSAGES, RESPONSES, {"metadata": {"user_id": "u"}, "top_k": 3}, ["metadata", "top_k"]),
        (MESSAGES, RESPONSES, {"max_tokens": 1}, ["max_tokens"]),
        (RESPONSES, CHAT, {"tools": [{"type": "web_search"}], "include": ["x"]}, ["include", "tools.web_search"]),
        (RESPONSES, MESSAGES, {"max_output_tokens": 5, "reasoning": {"effort": "minimal"}}, ["reasoning effort"]),
        (RESPONSES, MESSAGES, {"max_output_tokens": 5, "text": {"verbosity": "low"}}, ["verbosity"]),
    ],
)
def test_what_is_dropped_is_told(client, upstream, fields, lost):
    assert [one.partition(":")[0] for one in request_to(client, upstream, **fields).lost] == lost


def test_a_failed_tool_and_its_images_reach_a_wire_that_has_neither():
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    result = {"type": "tool_result", "tool_use_id": "c", "is_error": True, "content": [{"type": "text", "text": "no"}, image]}
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "look", "input": {}}]}
    translated = request_to(MESSAGES, CHAT, messages=[call, {"role": "user", "content": [result]}])
    tool, user = translated.body["messages"][1:]
    assert tool == {"role": "tool", "tool_call_id": "c", "content": "Error: no"}
    assert user["content"][0]["text"] == "From the result of c:"
    assert user["content"][1]["image_url"]["url"].endswith(PIXEL)
    assert [one.partition(":")[0] for one in translated.lost] == ["tool_result", "tool_result.is_error"]
    output = request_to(MESSAGES, RESPONSES, messages=[{"role": "user", "content": [result]}]).body["input"][0]["output"]
    assert [part["type"] for part in output] == ["input_text", "input_image"]


def test_images_and_documents_of_a_tool_reach_messages():
    parts = [
        {"type": "input_text", "text": "seen"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
    ]
    items = [{"type": "function_call_output", "call_id": "c", "output": parts}]
    (result,) = request_to(RESPONSES, MESSAGES, input=items, max_output_tokens=20).body["messages"][0]["content"]
    text, image, document = result["content"]
    assert (text["text"], image["source"]["data"]) == ("seen", PIXEL)
    assert (document["title"], document["source"]["media_type"]) == ("a.pdf", "application/pdf")
    back = request_to(MESSAGES, RESPONSES, messages=[{"role": "user", "content": [result]}]).body["input"][0]["output"]
    assert [{name: value for name, value in part.items() if name != "detail"} for part in back] == parts


def test_stop_sequences_go_between_chat_and_messages():
    assert request_to(CHAT, MESSAGES, stop="END").body["stop_sequences"] == ["END"]
    assert request_to(MESSAGES, CHAT, stop_sequences=["A", "B"]).body["stop"] == ["A", "B"]
    reply = {"id": "m", "model": "m", "content": [], "stop_reason": "stop_sequence", "stop_sequence": "A"}
    asked_for = request_to(CHAT, MESSAGES, stop=["A"])
    answered = json.loads(Answer(asked_for, 1, "r").whole(200, json.dumps(reply).encode()).body)
    assert answered["choices"][0]["finish_reason"] == "stop"


def test_results_of_tools_come_first_in_a_message_and_odd_ids_are_made_plain():
    messages = [
        {"role": "assistant", "tool_calls": [{"id": "functions.sh:0", "function": {"name": "sh", "arguments": '{"a":1}'}}]},
        {"role": "user", "content": "Wait."},
        {"role": "tool", "tool_call_id": "functions.sh:0", "content": "done"},
    ]
    call, answer = request_to(CHAT, MESSAGES, messages=messages).body["messages"]
    assert call["content"][0]["id"] == answer["content"][0]["tool_use_id"] == "functions_sh_0"
    assert [block["type"] for block in answer["content"]] == ["tool_result", "text"]


def test_a_conversation_goes_on_after_arguments_that_are_no_json():
    message = {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "sh", "arguments": '{"cut'}}]}
    translated = request_to(CHAT, MESSAGES, messages=[message])
    assert translated.body["messages"][0]["content"][0]["input"] == {"input": '{"cut'}
    assert any(one.startswith("tool_calls.arguments") for one in translated.lost)


SHAPE = {"type": "object", "properties": {"ok": {"type": "boolean"}}}


def test_structured_output_on_every_wire():
    chat = {"response_format": {"type": "json_schema", "json_schema": {"name": "reply", "schema": SHAPE, "strict": True}}}
    text = {"text": {"format": {"type": "json_schema", "name": "reply", "schema": SHAPE, "strict": True}}}
    config = {"output_config": {"format": {"type": "json_schema", "schema": SHAPE}}}
    forms = {CHAT: chat, RESPONSES: text, MESSAGES: config}
    for client, upstream in PAIRS:
        body = request_to(client, upstream, **forms[client]).body
        for name, value in forms[upstream].items():
            assert body[name] == value


@pytest.mark.parametrize(
    ("chat", "messages", "responses"),
    [
        ("auto", {"type": "auto"}, "auto"),
        ("none", {"type": "none"}, "none"),
        ("required", {"type": "any"}, "required"),
        ({"type": "function", "function": {"name": "weather"}}, {"type": "tool", "name": "weather"},
         {"type": "function", "name": "weather"}),
    ],
)  # fmt: skip
def test_the_choice_of_tools_on_every_wire(chat, messages, responses):
    forms = {CHAT: chat, MESSAGES: messages, RESPONSES: responses}
    for client, upstream in PAIRS:
        fields = {"tools": ASKED[client]["tools"], "tool_choice": forms[client]}
        assert request_to(client, upstream, **fields).body["tool_choice"] == forms[upstream]


def test_effort_on_every_wire():
    forms = {CHAT: {"reasoning_effort": "high"}, RESPONSES: {"reasoning": {"effort": "high", "summary": "auto"}},
             MESSAGES: {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}}  # fmt: skip
    for client, upstream in PAIRS:
        body = request_to(client, upstream, **forms[client]).body
        for name, value in forms[upstream].items():
            assert body[name] == value
    body = request_to(MESSAGES, RESPONSES, **forms[MESSAGES]).body
    assert body["include"] == ["reasoning.encrypted_content"]


def test_freeform_tools_and_namespaces_are_functions_elsewhere():
    tools = [
        {"type": "custom", "name": "patch", "description": "Edits.", "format": {"type": "grammar", "syntax": "lark",
                                                                                "definition": "start: ANY"}},
        {"type": "namespace", "name": "mcp", "description": "", "tools": [{"type": "function", "name": "ask", "parameters": {}}]},
    ]  # fmt: skip
    items = [
        {"type": "custom_tool_call", "call_id": "a", "name": "patch", "input": "*** Begin\n"},
        {"type": "function_call", "call_id": "b", "name": "ask", "namespace": "mcp", "arguments": "{}"},
        {"type": "custom_tool_call_output", "call_id": "a", "output": "ok"},
    ]
    body = request_to(RESPONSES, CHAT, tools=tools, input=items).body
    patch, ask = (tool["function"] for tool in body["tools"])
    assert patch["parameters"]["required"] == ["input"]
    assert "start: ANY" in patch["description"]
    assert ask["name"] == "mcp__ask"
    first, second = (call["function"] for call in body["messages"][0]["tool_calls"])
    assert json.loads(first["arguments"]) == {"input": "*** Begin\n"}
    assert second["name"] == "mcp__ask"
    blocks = request_to(RESPONSES, MESSAGES, tools=tools, input=items).body["messages"][0]["content"]
    assert blocks[0]["input"] == {"input": "*** Begin\n"}


def test_counting_tokens_where_both_wires_can():
    body = {"model": "m", "system": "Be brief.", "messages": [{"role": "user", "content": "hi"}]}
    translated = translate_request(MESSAGES, RESPONSES, "/v1/messages/count_tokens", body)
    assert (translated.path, translated.counts) == ("/v1/responses/input_tokens", True)
    assert translated.body.keys() == {"model", "instructions", "input"}
    asked_back = {"model": "m", "input": "hi"}
    back = translate_request(RESPONSES, MESSAGES, "/responses/input_tokens", asked_back)
    assert back.body.keys() == {"model", "messages"}
    assert back.lost == ()
    with pytest.raises(WireError) as error:
        translate_request(MESSAGES, CHAT, "/v1/messages/count_tokens", body)
    assert error.value.status == 404


def test_paths_and_wires_that_cannot_be_translated():
    with pytest.raises(WireError) as error:
        translate_request(RESPONSES, CHAT, "/v1/responses/resp_1/cancel", {})
    assert error.value.status == 404
    with pytest.raises(WireError, match="gemini"):
        translate_request(CHAT, "gemini", "/v1/chat/completions", {})


def test_reasoning_goes_back_only_to_whose_it_is():
    def thought(seal):
        block = {"type": "thinking", "thinking": "Hm.", "signature": seal}
        return {"messages": [{"role": "assistant", "content": [block, {"type": "text", "text": "Yes."}]}]}

    own = request_to(MESSAGES, RESPONSES, **thought(seals.outward(RESPONSES, "rs_1:abc"))).body["input"]
    assert own[0] == {
        "type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "abc",
    }  # fmt: skip
    for foreign in ("EqQB", seals.outward(MESSAGES, "EqQB"), seals.outward(CHAT, "")):
        translated = request_to(MESSAGES, RESPONSES, **thought(foreign))
        assert [item["type"] for item in translated.body["input"]] == ["message"]
        assert [one.partition(":")[0] for one in translated.lost] == ["thinking"]
    said_back = thought(seals.outward(CHAT, ""))
    body = {"model": "m", "max_tokens": 5, **said_back}
    quirky = translate_request(MESSAGES, CHAT, "/v1/messages", body, ["reasoning-back"])
    assert quirky.body["messages"][0]["reasoning_content"] == "Hm."
    assert "reasoning_content" not in translate_request(MESSAGES, CHAT, "/v1/messages", body).body["messages"][0]


def test_reasoning_that_a_translation_brought_does_not_reach_an_upstream_of_the_clients_own_wire():
    foreign = {"type": "thinking", "thinking": "Hm.", "signature": seals.outward(CHAT, "")}
    own = {"type": "thinking", "thinking": "Ha.", "signature": "EqQB"}
    body = {"model": "m", "messages": [{"role": "assistant", "content": [foreign, own]}], "unknown": 1}
    raw = json.dumps(body).encode()
    assert is_needed(MESSAGES, MESSAGES, raw)
    translated = translate_request(MESSAGES, MESSAGES, "/v1/messages", body)
    assert translated.body == {**body, "messages": [{"role": "assistant", "content": [own]}]}
    assert len(translated.lost) == 1
    items = [{"type": "reasoning", "encrypted_content": seals.outward(MESSAGES, "EqQB")}, {"type": "message", "role": "user"}]
    assert translate_request(RESPONSES, RESPONSES, "/responses", {"input": items}).body["input"] == items[1:]


def test_bytes_of_one_wire_need_no_translation():
    for wire in WIRES:
        assert not is_needed(wire, wire, json.dumps(ASKED[wire]).encode())
    assert is_needed(CHAT, CHAT, b"{}", ["no-stream-with-tools"])


@pytest.mark.parametrize("client", WIRES)
def test_an_upstream_that_cannot_stream_with_tools_is_asked_for_the_whole(client):
    body = {**ASKED[client], "stream": True}
    translated = translate_request(client, CHAT, DIALECTS[client].path, body, ["no-stream-with-tools"])
    assert (translated.streams, translated.upstream_streams) == (True, False)
    assert "stream" not in translated.body
    assert "stream_options" not in translated.body
    del body["tools"]
    assert translate_request(client, CHAT, DIALECTS[client].path, body, ["no-stream-with-tools"]).upstream_streams


def test_quirks_of_the_limit_and_of_stream_options():
    body = {"model": "m", "max_output_tokens": 7, "stream": True, "input": "hi"}
    quirks = ["max-completion-tokens", "no-stream-options"]
    translated = translate_request(RESPONSES, CHAT, "/v1/responses", body, quirks)
    assert translated.body == {
        "model": "m", "max_completion_tokens": 7, "stream": True, "messages": [{"role": "user", "content": "hi"}],
    }  # fmt: skip


def test_instructions_in_the_middle_where_the_model_takes_them_at_the_start_only():
    body = {"model": "m", "system": "Be brief.", "max_tokens": 5, "messages": [
        {"role": "user", "content": "hi"}, {"role": "system", "content": "Today is Monday."}]}  # fmt: skip
    assert [one["role"] for one in translate_request(MESSAGES, CHAT, "/v1/messages", body).body["messages"]] == [
        "system", "user", "system",
    ]  # fmt: skip
    translated = translate_request(MESSAGES, CHAT, "/v1/messages", body, ["system-first", "plain-content"])
    assert translated.body["messages"] == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi\n\nToday is Monday."},
    ]  # fmt: skip
    assert len(translated.lost) == 1


def test_an_answer_of_nothing_but_reasoning_is_no_message_where_that_is_left_out():
    block = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": [block]}, {"role": "user", "content": "b"}]
    for upstream, name in ((CHAT, "messages"), (RESPONSES, "input")):
        assert all(one["role"] == "user" for one in request_to(MESSAGES, upstream, messages=messages).body[name])


def places(value, at=()):
    """Every place in a body."""
    yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from places(one, (*at, key))


FULL = {
    MESSAGES: {"stop_sequences": ["x"], "thinking": {"type": "enabled", "budget_tokens": 9}, "tool_choice": {"type": "any"},
               "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}}, "temperature": 0},
    CHAT: {"stop": ["x"], "reasoning_effort": "low", "stream": True, "stream_options": {"include_usage": True},
           "response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
    RESPONSES: {"reasoning": {"effort": "low", "summary": "auto"}, "text": {"format": {"type": "json_schema", "schema": {}}},
                "tool_choice": {"type": "function", "name": "weather"}},
}  # fmt: skip
ODD = (None, 7, "odd", {}, ["odd"], [{}])


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_client_that_talks_nonsense_is_told_so(client, upstream):
    """Each place of a body once as each of the odd values: it is translated, or refused."""
    whole = {**ASKED[client], **FULL[client]}
    for at in list(places(whole))[1:]:
        for odd in ODD:
            body = json.loads(json.dumps(whole))
            inside = body
            for key in at[:-1]:
                inside = inside[key]
            inside[at[-1]] = odd
            with contextlib.suppress(WireError):
                json.dumps(translate_request(client, upstream, DIALECTS[client].path, body).body)
