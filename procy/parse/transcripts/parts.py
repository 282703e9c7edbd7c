"""What Gemini CLI and Qwen Code, which began as a copy of it, have in common: a message's parts, and what their tools gave."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from procy.parse.transcripts.shapes import as_count, as_dict, as_json, as_list, as_text
from procy.types import FileChange, ToolStatus, Usage

REFERENCED = "--- Content from referenced files ---"  # behind a prompt that names files with @
WRAPPED = re.compile(r"<untrusted_context>\n(.*)\n</untrusted_context>", re.DOTALL)
FACTS = "Error|Exit Code|Signal|Background PIDs|Process Group PGID"
SHELL = re.compile(rf"(?:Command: .*?\nDirectory: [^\n]*\n)?Output: (.*?)((?:\n(?:{FACTS}): [^\n]*)+)", re.DOTALL)
NOTHING = ("(empty)", "(none)")
DENIED = ("User denied", "User did not allow", "declined")
HEADING = re.compile(r"Index: [^\n]*\n=+\n")


def texts_of(content: object) -> list[str]:
    """The texts of a message's content, which is a text or parts; other parts but calls and results leave a mark."""
    if isinstance(content, str):
        return [content] if content else []
    found = []
    for part in map(as_dict, as_list(content)):
        if part.get("thought") or "functionCall" in part or "functionResponse" in part:
            continue
        if "text" in part:
            found.append(as_text(part["text"]))
        elif kind := next(iter(part), ""):
            found.append(f"[{kind}]")
    return found


def prompt_of(texts: Sequence[str]) -> str:
    """What the human wrote of a message's texts: not the files that were put behind it."""
    kept = []
    for text in texts:
        if text.strip() == REFERENCED:
            break
        kept.append(text)
    return "".join(kept)


def response_of(parts: object) -> tuple[str, str]:
    """(output, error) in the function response among these parts."""
    for part in map(as_dict, as_list(parts)):
        response = as_dict(as_dict(part.get("functionResponse")).get("response"))
        if "error" in response:
            error = response["error"]
            return "", error if isinstance(error, str) else as_json(error)
        if "output" in response:
            output = response["output"]
            return plain_output(output if isinstance(output, str) else as_json(output)), ""
    return "", ""


def plain_output(text: str) -> str:
    """What a tool printed, without what is told about it to the model: of a shell's, that something went wrong stays."""
    wrapped = WRAPPED.fullmatch(text.strip())
    text = wrapped[1] if wrapped else text
    shell = SHELL.fullmatch(text)
    if shell is None:
        return text
    facts = [line.partition(": ") for line in shell[2].strip("\n").split("\n")]
    wrong = [f"{name}: {value}" for name, _, value in facts if is_trouble(name, value)]
    return "\n".join(([] if shell[1] in NOTHING else [shell[1]]) + wrong)


def is_trouble(name: str, value: str) -> bool:
    return name in ("Error", "Exit Code", "Signal") and value not in (*NOTHING, "0")


def status_of(word: str, error: str) -> ToolStatus:
    """Of a call, by the agent's word and what it says about an error."""
    if word == "cancelled":
        return "denied" if any(sign in error for sign in DENIED) else "unknown"
    return {"success": "ok", "error": "error"}.get(word, "unknown")  # type: ignore[return-value]


def file_change(shown: dict[str, Any]) -> FileChange | None:
    """What an edit did, from what the agent shows of it."""
    path, diff = as_text(shown.get("filePath")) or as_text(shown.get("fileName")), as_text(shown.get("fileDiff"))
    if not path or not diff:
        return None
    is_new = shown.get("isNewFile") is True or shown.get("originalContent") is None
    return FileChange(path=path, change="added" if is_new else "modified", diff=HEADING.sub("", diff))


def read_usage(counts: dict[str, Any], names: tuple[str, str, str, str], apart: bool) -> Usage:
    """``names``: of what was given, answered, cached and thought. ``apart``: what was answered is without the thoughts."""
    given, answered, cached, thought = (as_count(counts.get(name)) for name in names)
    output = answered if answered is None or not apart else answered + (thought or 0)
    return Usage(
        input=None if given is None else max(given - (cached or 0), 0), output=output, cache_read=cached, reasoning=thought
    )
