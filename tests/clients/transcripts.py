"""What a client's own transcript tells, in the plainest words: the oracle of the client tests. It imports no procy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.model_server.anthropic_messages import unpasted
from tests.model_server.scenario import Usage


@dataclass
class Heard:
    """`prompts` of the human in order, `answers`: the assistant's texts, `outputs`: what shell commands printed,
    `ended`: turns that came to an end of any kind, of these `interrupted` by the user and `failed`."""

    prompts: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    ended: int = 0
    interrupted: int = 0
    failed: int = 0
    usage: Usage = field(default_factory=Usage)


def hear(client: str, lines: Iterable[dict]) -> Heard:
    return READERS[client](lines)


def _hear_claude(lines: Iterable[dict]) -> Heard:
    heard = Heard()
    usages: dict[str, Usage] = {}
    for line in lines:
        kind = line.get("type")
        if kind == "assistant":
            _claude_answer(line, heard, usages)
        elif kind == "user":
            _claude_user(line, heard)
        elif kind == "attachment" and line["attachment"].get("type") == "queued_command":
            if line["attachment"].get("origin", {}).get("kind") == "human":
                heard.prompts.append(line["attachment"]["prompt"])
        elif kind == "system" and line.get("subtype") == "turn_duration":
            heard.ended += 1
    heard.usage = sum(usages.values(), Usage())
    return heard


def _claude_user(line: dict, heard: Heard) -> None:
    content = line["message"]["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    text = "\n".join(block["text"] for block in blocks if block["type"] == "text")
    if line.get("origin", {}).get("kind") == "human":
        heard.prompts.append(unpasted(text))
    elif text.startswith("[Request interrupted"):
        heard.ended += 1
        heard.interrupted += 1
    elif isinstance(result := line.get("toolUseResult"), dict) and "stdout" in result:
        whole = result.get("persistedOutputPath")  # the line itself holds the first 30,000 characters
        heard.outputs.append(Path(whole).read_text() if whole else result["stdout"])


def _claude_answer(line: dict, heard: Heard, usages: dict[str, Usage]) -> None:
    message = line["message"]
    if line.get("isApiErrorMessage"):
        heard.ended += 1
        heard.failed += 1
        return
    heard.answers += [block["text"] for block in message["content"] if block["type"] == "text"]
    count = message["usage"]
    thinking = count.get("output_tokens_details", {}).get("thinking_tokens", 0)
    read, written = count["cache_read_input_tokens"], count["cache_creation_input_tokens"]
    usages[message["id"]] = Usage(count["input_tokens"], read, written, count["output_tokens"], thinking)


def _hear_codex(lines: Iterable[dict]) -> Heard:
    heard = Heard()
    helper = False  # a sub-agent has a transcript of its own, begun by its own session_meta
    for line in lines:
        payload = line["payload"]
        if line["type"] == "session_meta":
            helper = payload.get("thread_source") == "subagent"
        elif helper:
            continue
        elif line["type"] == "token_usage_record":
            heard.usage += _codex_usage(payload["usage"])
        elif line["type"] == "event_msg":
            kind = payload["type"]
            heard.ended += kind in ("task_complete", "turn_aborted")
            heard.interrupted += kind == "turn_aborted"
            heard.failed += kind == "task_complete" and "error" in payload
            if kind == "item_completed":
                _codex_item(payload["item"], heard)
    return heard


def _codex_item(item: dict, heard: Heard) -> None:
    if item["type"] == "UserMessage":
        heard.prompts.append("".join(part.get("text", "") for part in item["content"]))
    elif item["type"] == "AgentMessage":
        heard.answers.append("".join(part.get("text", "") for part in item["content"]))
    elif item["type"] == "CommandExecution":
        heard.outputs.append(item["aggregated_output"])


def _codex_usage(count: dict) -> Usage:
    cached, written = count["cached_input_tokens"], count["cache_write_input_tokens"]
    fresh = count["input_tokens"] - cached - written
    return Usage(fresh, cached, written, count["output_tokens"], count["reasoning_output_tokens"])


def _hear_opencode(rows: Iterable[dict]) -> Heard:
    """Messages and parts by their ids, the last form of each; without those of helpers, whose session has a parent."""
    heard = Heard()
    helpers: set[str] = set()
    messages: dict[str, dict] = {}
    parts: dict[str, dict] = {}
    for row in rows:
        kind, data = row["type"].rpartition(".")[0], row["data"]
        if kind == "session.created" and data["info"].get("parentID"):
            helpers.add(row["session"])
        elif row["session"] in helpers:
            continue
        elif kind == "message.updated":
            messages[data["info"]["id"]] = data["info"]
        elif kind == "message.part.updated":
            parts[data["part"]["id"]] = data["part"]
    for part in parts.values():
        _opencode_part(part, messages[part["messageID"]]["role"], heard)
    refused = {part["messageID"] for part in parts.values() if "rejected permission" in part.get("state", {}).get("error", "")}
    for message in messages.values():
        error = message.get("error", {}).get("name")
        goes_on = message.get("finish") == "tool-calls" and message["id"] not in refused
        over = message["role"] == "assistant" and message["time"].get("completed") and not goes_on
        heard.ended += bool(over)
        heard.interrupted += error == "MessageAbortedError"
        heard.failed += error not in (None, "MessageAbortedError")
    return heard


def _opencode_part(part: dict, role: str, heard: Heard) -> None:
    if part["type"] == "text" and part["text"] and not part.get("synthetic"):
        (heard.prompts if role == "user" else heard.answers).append(part["text"])
    elif part["type"] == "tool" and part["tool"] == "bash" and part["state"]["status"] == "completed":
        heard.outputs.append(part["state"]["output"])
    elif part["type"] == "step-finish":
        count = part["tokens"]
        cache, thought = count["cache"], count["reasoning"]
        heard.usage += Usage(count["input"], cache["read"], cache["write"], count["output"] + thought, thought)


AIDER_TOKENS = re.compile(r"> Tokens: ([\d.]+)(k?) sent, ([\d.]+)(k?) received")


def _hear_aider(lines: Iterable[dict]) -> Heard:
    """What it says itself ends in two blanks; an answer's lines do not."""
    heard = Heard()
    asking, answer = False, []
    for text in (line["line"] for line in lines):
        if text.startswith("####") and text.endswith("  "):
            if asking:
                heard.prompts[-1] += f"\n{text[5:-2]}"
            else:
                heard.prompts.append(text[5:-2])
                _aider_answer(answer, heard)
            asking, answer = True, []
            continue
        asking = False
        if text.startswith(">") and text.endswith("  "):
            if found := AIDER_TOKENS.match(text):
                sent, received = (round(float(found[n]) * (1000 if found[n + 1] else 1)) for n in (1, 3))
                heard.usage += Usage(input=sent, output=received)
            heard.ended += bool(found) or "^C again to exit" in text or "litellm." in text
            heard.interrupted += "^C again to exit" in text
            heard.failed += "litellm." in text
        elif text.startswith("# aider chat started"):
            answer.append("")
        else:
            answer.append(text)
            continue
        _aider_answer(answer, heard)
        answer = []
    _aider_answer(answer, heard)
    return heard


def _aider_answer(lines: list[str], heard: Heard) -> None:
    if text := "\n".join(lines).strip("\n"):
        heard.answers.append(text)


def _hear_gemini(lines: Iterable[dict]) -> Heard:
    heard = Heard()
    said = False  # the turn's last word has no calls
    for message in _gemini_messages(lines):
        kind, text = message["type"], _gemini_text(message)
        if kind == "user" and text and not text.startswith(("<session_context>", "I ran the following shell command:")):
            heard.ended += said
            heard.prompts.append(text)
            said = False
        elif kind == "gemini":
            _gemini_answer(message, text, heard)
            said = not message.get("toolCalls")
        elif kind == "error" or (kind == "info" and text == "Request cancelled."):
            heard.ended += 1
            heard.failed += kind == "error"
            heard.interrupted += kind == "info"
            said = False
    heard.ended += said
    return heard


def _gemini_messages(lines: Iterable[dict]) -> Iterable[dict]:
    """By id, the last form of each; not the copies of the list, which the agent writes after a cancelled call."""
    messages: dict[str, dict] = {}
    copying = False
    for line in lines:
        if "messages" in line.get("$set", {}):
            copying = False
        elif "id" in line:
            copying = copying or bool(messages and _gemini_text(line).startswith("<session_context>"))
            if not copying:
                messages[line["id"]] = line
    return messages.values()


def _gemini_answer(message: dict, text: str, heard: Heard) -> None:
    heard.answers += [text] if text else []
    heard.outputs += [_gemini_output(call) for call in message.get("toolCalls", []) if _printed(call)]
    if count := message.get("tokens"):
        fresh, thought = count["input"] - count["cached"], count["thoughts"]
        heard.usage += Usage(fresh, count["cached"], 0, count["output"] + thought, thought)


def _gemini_text(message: dict) -> str:
    content = message.get("content", "")
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _printed(call: dict) -> bool:
    return call["name"] == "run_shell_command" and call["status"] == "success"


def _gemini_output(call: dict) -> str:
    return _told_output(call["result"][0]["functionResponse"]["response"]["output"])


def _told_output(told: str) -> str:
    """What the model is told of a command: its output stands between two labels."""
    output = told.partition("Output: ")[2].rpartition("\nProcess Group PGID:")[0].partition("\nError: (none)")[0]
    return "" if output in ("(empty)", "(none)") else output


def _hear_qwen(lines: Iterable[dict]) -> Heard:
    heard = Heard()
    is_open = False
    for line in lines:
        kind, parts = line["type"], line.get("message", {}).get("parts", [])
        event = line.get("systemPayload", {}).get("uiEvent", {})
        if kind == "user" and line["provenance"] == "real_user":
            heard.prompts.append("".join(part.get("text", "") for part in parts))
            is_open = True
        elif kind == "assistant":
            text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
            heard.answers += [text] if text else []
            if count := line.get("usageMetadata"):
                cached, thought = count["cachedContentTokenCount"], count["thoughtsTokenCount"]
                fresh = count["promptTokenCount"] - cached
                heard.usage += Usage(fresh, cached, 0, count["candidatesTokenCount"], thought)
            if not any("functionCall" in part for part in parts):
                heard.ended += 1
                heard.interrupted += "usageMetadata" not in line
                is_open = False
        elif kind == "tool_result":
            result = line["toolCallResult"]
            if result["status"] == "cancelled":
                heard.ended += is_open
                heard.interrupted += is_open
                is_open = False
            elif (response := parts[0]["functionResponse"])["name"] == "run_shell_command":
                heard.outputs.append(_told_output(response["response"]["output"]))
        elif event.get("event.name") == "qwen-code.api_error" and is_open:
            heard.ended += 1
            heard.failed += 1
            is_open = False
    return heard


READERS: dict[str, Callable[[Iterable[dict]], Heard]] = {
    "claude": _hear_claude,
    "codex": _hear_codex,
    "opencode": _hear_opencode,
    "aider": _hear_aider,
    "gemini": _hear_gemini,
    "qwen": _hear_qwen,
}
