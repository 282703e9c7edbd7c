"""What a client's own transcript tells, in the plainest words: the oracle of the client tests. It imports no procy."""

from __future__ import annotations

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


READERS: dict[str, Callable[[Iterable[dict]], Heard]] = {"claude": _hear_claude, "codex": _hear_codex}
