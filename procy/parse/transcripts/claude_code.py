"""Claude Code's transcript: ``~/.claude/projects/<folder>/<session>.jsonl``, one JSON object a line.

Seen in version 2.1.329 (and, older, 2.1.197). What a line means here:

- ``user`` with text: a prompt, unless its ``origin`` is not human, it is marked meta or a summary, or it consists of
  tags that wrap a command (``<command-name>``), its output, or a ``!`` command (``<bash-input>``).
- ``user`` with ``tool_result`` blocks: results. ``[Request interrupted by user…]``: the end of an interrupted turn.
- A paste of four lines or more arrives wrapped in ``<pasted_content>``; the prompt is what the human composed, so the
  wrapping is taken off.
- ``attachment`` of type ``queued_command``: a prompt that was folded into the running turn. It starts a turn here.
- ``assistant``: one content block a line; lines of one message repeat its ``usage``, which counts once.
- ``system`` of subtype ``turn_duration``: the turn is over.

A forked session's file begins with copies of the lines before it; they keep their ``uuid``, which therefore names a turn.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from procy.parse.times import from_iso
from procy.parse.transcripts.base import Trace
from procy.parse.transcripts.shapes import (
    UNFORESEEN,
    as_amount,
    as_blocks,
    as_count,
    as_dict,
    as_json,
    as_list,
    as_text,
)
from procy.parse.turns import Draft
from procy.types import Evidence, FileChange, ToolStatus, TurnKind, TurnStatus, Usage

WRAPPED = re.compile(r"\s*<(?:command|local-command|bash)-")
TAG = re.compile(r"<([a-z][a-z-]*)>(.*?)</\1>", re.DOTALL)
OUTPUTS = {"local-command-stdout", "local-command-stderr", "bash-stdout", "bash-stderr"}
PASTE = re.compile(r"\n\n<pasted_content id=\"(\w+)\">\n(.*?)\n</pasted_content id=\"\1\">\n{0,2}", re.DOTALL)
INTERRUPTED = "[Request interrupted by user"
STYLE = re.compile(r"\x1b\[[0-9;]*m")
FINAL_REASONS = ("end_turn", "stop_sequence", "max_tokens", "refusal")


class Reader(Trace):
    """See ``procy.types.TracingReader``."""

    def __init__(self, agent_session_id: str) -> None:
        super().__init__(agent_session_id)
        self.calls: dict[str, Draft] = {}  # by tool use id
        self.queued = False  # the current turn was sent while the agent worked
        self.denied: list[tuple[Draft, str]] = []  # by the last line
        self.files: dict[str, tuple[Draft, str]] = {}  # outputs that stand in files: the call they belong to
        self.handlers = {
            "user": self._user,
            "attachment": self._attachment,
            "assistant": self._assistant,
            "system": self._system,
            "cost-state": self._cost_state,
            "ai-title": self._ai_title,
            "custom-title": self._custom_title,
        }

    def feed(self, line: bytes) -> None:
        record = self.record(line)
        if record is None or (record.get("isSidechain") and not self.agent_session_id.startswith("agent-")):
            return
        branch = record.get("gitBranch")
        self.told(from_iso(record.get("timestamp")), cwd=record.get("cwd"), branch=branch if branch != "HEAD" else None)
        handler = self.handlers.get(as_text(record.get("type")))
        if handler:
            with suppress(*UNFORESEEN):
                handler(record, self.at_ns)

    def wanted(self) -> Sequence[str]:
        return list(self.files)

    def give(self, path: str, content: bytes) -> None:
        draft, key = self.files.pop(path)
        draft.calls[key] = replace(draft.calls[key], result=content.decode("utf-8", "replace"))
        self.touched[draft.key] = draft

    # -- line types -------------------------------------------------------------------------------------------------

    def _user(self, record: dict[str, Any], at_ns: int) -> None:
        content = as_dict(record.get("message")).get("content")
        results = [block for block in as_blocks(content) if block.get("type") == "tool_result"]
        if results:
            self.denied = []
            for block in results:
                self._tool_result(record, block, at_ns)
            return
        text = prompt_text(content)
        if text.startswith(INTERRUPTED):
            self._interrupted(record, at_ns)
        elif text and not record.get("isMeta") and not record.get("isCompactSummary"):
            self._text(record, text, at_ns)

    def _text(self, record: dict[str, Any], text: str, at_ns: int) -> None:
        """A prompt, a command, what a command printed, or the word of a background task."""
        tags = wrapped(text)
        if "command-name" in tags:
            command = tags["command-name"].strip()
            self._open(record, "command", f"{command} {tags.get('command-args', '').strip()}".strip(), at_ns)
        elif "bash-input" in tags:
            self._open(record, "shell", "!" + tags["bash-input"], at_ns)
        elif tags.keys() & OUTPUTS:
            self._output(tags, at_ns)
        elif is_human(record):
            self._open(record, "prompt", composed(text), at_ns)
        elif self.current:  # a background task reports; what the agent then says still answers the last prompt
            self.current.reopen()
            self._touch(self.current, at_ns)

    def _attachment(self, record: dict[str, Any], at_ns: int) -> None:
        attachment = as_dict(record.get("attachment"))
        if attachment.get("type") != "queued_command" or not is_human(attachment):
            return
        prompt = composed(prompt_text(attachment.get("prompt")))
        if prompt and attachment.get("commandMode", "prompt") == "prompt":
            self._open(record, "prompt", prompt, at_ns, folded=True)

    def _assistant(self, record: dict[str, Any], at_ns: int) -> None:
        draft, message = self.current, as_dict(record.get("message"))
        if draft is None or (message.get("model") == "<synthetic>" and not record.get("isApiErrorMessage")):
            return
        if record.get("isApiErrorMessage"):
            draft.end("error", at_ns, prompt_text(message.get("content")))
            self._touch(draft, at_ns, Evidence("error", draft.error or "API error", at_ns))
            return
        if draft.ended_ns is not None:
            draft.reopen()
        draft.model = as_text(message.get("model")) or draft.model
        for block in as_blocks(message.get("content")):
            self._block(draft, block, at_ns)
        if usage := as_dict(message.get("usage")):
            draft.use(as_text(message.get("id")), read_usage(usage))
        final = message.get("stop_reason") in FINAL_REASONS and not draft_waits(draft)
        if final:
            draft.end("done", at_ns)
        self._touch(draft, at_ns, Evidence("idle" if final else "busy", "", at_ns))

    def _block(self, draft: Draft, block: dict[str, Any], at_ns: int) -> None:
        kind = block.get("type")
        if kind == "text":
            draft.say(as_text(block.get("text")))
        elif kind == "thinking":
            draft.think(as_text(block.get("thinking")))
        elif kind in ("tool_use", "server_tool_use") and (key := as_text(block.get("id"))):
            draft.call(key, as_text(block.get("name")), as_json(block.get("input")), at_ns)
            self.calls[key] = draft

    def _tool_result(self, record: dict[str, Any], block: dict[str, Any], at_ns: int) -> None:
        key = as_text(block.get("tool_use_id"))
        draft = self.calls.get(key)
        if draft is None:
            return
        details = record.get("toolUseResult")
        file = file_change(as_dict(details))
        status = tool_status(block, details)
        draft.result(key, result_text(block, as_dict(details)), status, at_ns)
        if path := as_text(as_dict(details).get("persistedOutputPath")):
            self.files[path] = (draft, key)
        if status == "denied":
            self.denied.append((draft, key))
        if file:
            draft.change(file)
        self._touch(draft, at_ns)

    def _system(self, record: dict[str, Any], at_ns: int) -> None:
        kind = record.get("subtype")
        if kind == "turn_duration" and self.current and self.current.status == "open":
            self._end("done", at_ns)
        elif kind == "local_command":
            self._output(wrapped(as_text(record.get("content"))), at_ns)

    def _cost_state(self, record: dict[str, Any], at_ns: int) -> None:
        cost = as_amount(record.get("totalCostUSD"))
        self.cost_usd = self.cost_usd if cost is None else cost

    def _ai_title(self, record: dict[str, Any], at_ns: int) -> None:
        self.title = as_text(record.get("aiTitle")) or as_text(record.get("title")) or self.title

    def _custom_title(self, record: dict[str, Any], at_ns: int) -> None:
        self.title = as_text(record.get("customTitle")) or self.title

    # -- turns --------------------------------------------------------------------------------------------------------

    def _open(self, record: dict[str, Any], kind: TurnKind, prompt: str, at_ns: int, folded: bool = False) -> None:
        """Begin a turn. One that is still open was cut short, unless the new prompt joins it: then one answer serves both."""
        key = as_text(record.get("uuid"))
        if not key:
            return
        before, queued = self.current, record.get("promptSource") == "queued"
        if before and before.status == "open":
            joined = folded or (queued and self.queued and not before.texts and not before.calls)
            before.end("done" if joined else "interrupted", at_ns if joined else before.last_ns)
            self.touched[before.key] = before
        self.queued = queued
        draft = Draft(
            key=key,
            prompt=prompt,
            started_ns=at_ns,
            agent_session_id=self.agent_session_id,
            kind=kind,
            folded=folded,
        )
        self.current = draft
        self._touch(draft, at_ns, Evidence("busy", "", at_ns))

    def _output(self, tags: dict[str, str], at_ns: int) -> None:
        """What a command printed: the answer of the command's turn."""
        draft = self.current
        if draft is None or draft.kind == "prompt" or draft.ended_ns is not None:
            return
        parts = [STYLE.sub("", text).strip("\n") for name, text in tags.items() if name in OUTPUTS]
        draft.say("\n".join(part for part in parts if part and part != "(no content)"))
        draft.end("done", at_ns)
        self._touch(draft, at_ns, Evidence("idle", "", at_ns))

    def _interrupted(self, record: dict[str, Any], at_ns: int) -> None:
        """A tool that was running when the user pressed Escape reads like a refused one, but for ``interruptedMessageId``."""
        if record.get("interruptedMessageId"):
            for draft, key in self.denied:
                draft.calls[key] = replace(draft.calls[key], status="unknown")
        self._end("interrupted", at_ns)

    def _end(self, status: TurnStatus, at_ns: int) -> None:
        if self.current:
            self.current.end(status, at_ns)
            self._touch(self.current, at_ns, Evidence("idle", status if status != "done" else "", at_ns))


def composed(text: str) -> str:
    """A prompt as it was typed and pasted."""
    return PASTE.sub(lambda paste: paste[2], text)


def wrapped(text: str) -> dict[str, str]:
    """The tags of a text that has nothing but tags, as the agent writes it; {} for one that merely quotes some."""
    return dict(TAG.findall(text)) if WRAPPED.match(text) and not TAG.sub("", text).strip() else {}


def is_human(record: dict[str, Any]) -> bool:
    return bool(as_dict(record.get("origin")).get("kind", "human") == "human")


def draft_waits(draft: Draft) -> bool:
    """Whether a tool call has no result yet."""
    return any(call.result is None for call in draft.calls.values())


def prompt_text(content: object) -> str:
    """The text of a message's content: a string, or blocks of which other than text leave a mark."""
    if isinstance(content, str):
        return content
    parts = [as_text(one.get("text")) if one.get("type") == "text" else f"[{one.get('type')}]" for one in as_blocks(content)]
    return "\n".join(parts)


def result_text(block: dict[str, Any], details: dict[str, Any]) -> str:
    """What a tool gave back. Of a long output the model sees a preview, the line has 30,000 characters, a file has it whole."""
    if details.get("persistedOutputPath"):
        return "\n".join(text for name in ("stdout", "stderr") if (text := as_text(details.get(name))))
    return prompt_text(block.get("content"))


def tool_status(block: dict[str, Any], details: object) -> ToolStatus:
    if not block.get("is_error"):
        return "ok"
    if isinstance(details, str) and details.startswith(("User rejected", "Permission")):
        return "denied"
    if isinstance(details, str) and details.startswith("[Tool call interrupted"):
        return "unknown"
    return "error"


def file_change(details: dict[str, Any]) -> FileChange | None:
    """What an edit did, from the structured result: ``filePath`` with a ``structuredPatch``, or a new file's content."""
    path, hunks = details.get("filePath"), details.get("structuredPatch")
    if not isinstance(path, str) or not isinstance(hunks, list):
        return None
    if details.get("type") == "create":
        lines = as_text(details.get("content")).splitlines()
        body = f"@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{line}\n" for line in lines)
        return FileChange(path=path, change="added", diff=f"--- /dev/null\n+++ {path}\n{body}")
    body = "".join(hunk_text(as_dict(hunk)) for hunk in hunks)
    return FileChange(path=path, change="modified", diff=f"--- {path}\n+++ {path}\n{body}")


def hunk_text(hunk: dict[str, Any]) -> str:
    old, new = (f"{hunk.get(f'{side}Start')},{hunk.get(f'{side}Lines')}" for side in ("old", "new"))
    return f"@@ -{old} +{new} @@\n" + "".join(f"{line}\n" for line in as_list(hunk.get("lines")))


def read_usage(usage: dict[str, Any]) -> Usage:
    """Anthropic's names; ``input_tokens`` excludes what came from and went into the cache."""
    return Usage(
        input=as_count(usage.get("input_tokens")),
        output=as_count(usage.get("output_tokens")),
        cache_read=as_count(usage.get("cache_read_input_tokens")),
        cache_write=as_count(usage.get("cache_creation_input_tokens")),
        reasoning=as_count(as_dict(usage.get("output_tokens_details")).get("thinking_tokens")),
    )
