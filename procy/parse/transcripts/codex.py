"""Codex's transcript: ``~/.codex/sessions/YYYY/MM/DD/rollout-<time>-<thread>.jsonl``.

Seen in version 0.169.0. Every line is ``{timestamp, ordinal, type, payload}``. The same text stands there twice, as what
the model got (``response_item``) and as what happened (``event_msg`` of type ``item_completed``); this reader takes the
second, and from the first only the tool calls' names and arguments. A task may hold several user messages: the later
ones were folded into it and start turns here. Text that was streaming when the user interrupted is in no line.
"""

from contextlib import suppress
from typing import Any

from procy.parse.times import from_iso, from_milliseconds
from procy.parse.transcripts.base import Trace
from procy.parse.transcripts.shapes import UNFORESEEN, as_count, as_dict, as_json, as_list, as_text
from procy.parse.turns import PARAGRAPH, Draft
from procy.types import Evidence, FileChange, ToolStatus, TurnStatus, Usage

BASELINE_TOKENS = 12_000  # instructions and tools; ``codex-rs/protocol``, ``percent_of_context_window_remaining``
NAMED_IN_TEXT = ("skill", "mention")  # types of input items


class Reader(Trace):
    """See ``procy.types.TracingReader``."""

    def __init__(self, agent_session_id: str) -> None:
        super().__init__(agent_session_id)
        self.model: str | None = None
        self.calls: dict[str, Draft] = {}
        self.early: dict[str, Usage] = {}
        self.handlers = {
            "session_meta": self._session_meta,
            "turn_context": self._turn_context,
            "task_started": self._task_started,
            "task_complete": self._task_complete,
            "turn_aborted": self._turn_aborted,
            "token_usage_record": self._token_usage_record,
            "token_count": self._token_count,
            "function_call": self._function_call,
            "custom_tool_call": self._custom_tool_call,
            "function_call_output": self._call_output,
            "custom_tool_call_output": self._call_output,
            "item_completed": self._item_completed,
        }
        self.items = {
            "UserMessage": self._user_message,
            "AgentMessage": self._agent_message,
            "Reasoning": self._reasoning,
            "CommandExecution": self._command_execution,
            "FileChange": self._file_change,
            "ContextCompaction": self._context_compaction,
        }

    def feed(self, line: bytes) -> None:
        record = self.record(line)
        if record is None or not isinstance(payload := record.get("payload"), dict):
            return
        self.told(from_iso(record.get("timestamp")))
        kind = record.get("type")
        handler = self.handlers.get(as_text(payload.get("type") if kind in ("event_msg", "response_item") else kind))
        if handler:
            with suppress(*UNFORESEEN):
                handler(payload, self.at_ns)

    # -- lines --------------------------------------------------------------------------------------------------------

    def _session_meta(self, payload: dict[str, Any], at_ns: int) -> None:
        git = as_dict(payload.get("git"))
        self.told(at_ns, cwd=payload.get("cwd"), branch=git.get("branch"), git_head=git.get("commit_hash"))

    def _turn_context(self, payload: dict[str, Any], at_ns: int) -> None:
        self.model = as_text(payload.get("model")) or self.model
        if self.current and self.current.status == "open":
            self.current.model = self.model

    def _task_started(self, payload: dict[str, Any], at_ns: int) -> None:
        if self.current and self.current.status == "open":  # the task before was killed
            self._end("interrupted", self.current.last_ns)
        self.current = None
        self.last = Evidence("busy", "", at_ns)

    def _task_complete(self, payload: dict[str, Any], at_ns: int) -> None:
        error = payload.get("error")
        if error:
            words = str(error.get("message") if isinstance(error, dict) else error)
            self._end("error", at_ns, words)
            self.last = Evidence("error", words, at_ns)
        else:
            self._end("done", at_ns)
            self.last = Evidence("idle", "", at_ns)

    def _turn_aborted(self, payload: dict[str, Any], at_ns: int) -> None:
        self._end("interrupted", at_ns)
        self.last = Evidence("idle", "interrupted", at_ns)

    def _token_usage_record(self, payload: dict[str, Any], at_ns: int) -> None:
        key, usage = as_text(payload.get("response_id")), as_dict(payload.get("usage"))
        if self.current and usage:
            self.current.use(key, read_usage(usage))
            self._touch(self.current, at_ns)
        elif usage:  # of a task that has told nothing of itself yet
            self.early[key] = read_usage(usage)

    def _token_count(self, payload: dict[str, Any], at_ns: int) -> None:
        info = as_dict(payload.get("info"))
        used = as_count(as_dict(info.get("last_token_usage")).get("total_tokens"))
        window = as_count(info.get("model_context_window"))
        if used is not None and window:
            self.context_left = context_left(used, window)

    def _function_call(self, payload: dict[str, Any], at_ns: int) -> None:
        arguments = payload.get("arguments")
        self._call(payload, arguments if isinstance(arguments, str) else as_json(arguments), at_ns)

    def _custom_tool_call(self, payload: dict[str, Any], at_ns: int) -> None:
        self._call(payload, as_json(payload.get("input")), at_ns)

    def _call_output(self, payload: dict[str, Any], at_ns: int) -> None:
        key = as_text(payload.get("call_id"))
        draft = self.calls.get(key)
        if draft is None or draft.calls[key].result is not None:
            return
        output = payload.get("output")
        text = output if isinstance(output, str) else as_json(output)
        draft.result(key, text, "unknown" if text.endswith("aborted by user") else "ok", at_ns)
        self._touch(draft, at_ns)

    def _item_completed(self, payload: dict[str, Any], at_ns: int) -> None:
        item = as_dict(payload.get("item"))
        if handler := self.items.get(as_text(item.get("type"))):
            handler(item, from_milliseconds(payload.get("started_at_ms")) or at_ns, at_ns)

    # -- items --------------------------------------------------------------------------------------------------------

    def _user_message(self, item: dict[str, Any], started_ns: int, at_ns: int) -> None:
        key, prompt = as_text(item.get("id")), content_text(item.get("content"))
        if not key or not prompt:
            return
        folded = self.current is not None and self.current.status == "open"
        if folded:
            self._end("done", started_ns)
        self._open(key, prompt, started_ns, folded=folded)

    def _agent_message(self, item: dict[str, Any], started_ns: int, at_ns: int) -> None:
        if self.current:
            self.current.say(content_text(item.get("content")))
            self._touch(self.current, at_ns)

    def _reasoning(self, item: dict[str, Any], started_ns: int, at_ns: int) -> None:
        if self.current:
            self.current.think(PARAGRAPH.join(as_text(part) for part in as_list(item.get("summary_text"))))
            self._touch(self.current, at_ns)

    def _command_execution(self, item: dict[str, Any], started_ns: int, at_ns: int) -> None:
        key, output = as_text(item.get("id")), as_text(item.get("aggregated_output"))
        if key and key not in self.calls and item.get("source") == "user_shell":
            command = as_text((as_list(item.get("command")) or [""])[-1])
            draft = self._open(key, f"!{command}", started_ns)
            draft.kind = "shell"
            draft.say(output.rstrip("\n"))
        elif caller := self.calls.get(key):
            caller.result(key, output, command_status(item), at_ns)
            self._touch(caller, at_ns)

    def _file_change(self, item: dict[str, Any], started_ns: int, at_ns: int) -> None:
        key = as_text(item.get("id"))
        draft = self.calls.get(key) or self.current
        if draft is None:
            return
        failed = item.get("status") != "completed"
        output = as_text(item.get("stdout")) or as_text(item.get("stderr"))
        draft.result(key, output, "error" if failed else "ok", at_ns)
        for path, change in as_dict(item.get("changes")).items():
            if not failed and isinstance(change, dict):
                draft.change(file_change(path, change))
        self._touch(draft, at_ns)

    def _context_compaction(self, item: dict[str, Any], started_ns: int, at_ns: int) -> None:
        key = as_text(item.get("id"))
        if key and self.current is None:  # a task of its own: the user asked for it
            self._open(key, "/compact", started_ns).kind = "command"

    # -- turns --------------------------------------------------------------------------------------------------------

    def _open(self, key: str, prompt: str, started_ns: int, folded: bool = False) -> Draft:
        draft = Draft(
            key=key, prompt=prompt, started_ns=started_ns, agent_session_id=self.agent_session_id, folded=folded, model=self.model
        )
        draft.usages, self.early = self.early, {}
        self.current = draft
        self._touch(draft, started_ns)
        return draft

    def _call(self, payload: dict[str, Any], arguments: str, at_ns: int) -> None:
        key = as_text(payload.get("call_id"))
        if self.current and key:
            self.current.call(key, as_text(payload.get("name")), arguments, at_ns)
            self.calls[key] = self.current
            self._touch(self.current, at_ns)

    def _end(self, status: TurnStatus, at_ns: int, error: str | None = None) -> None:
        if self.current and self.current.status == "open":
            self.current.end(status, at_ns, error)
            self._touch(self.current, at_ns)


def content_text(content: object) -> str:
    """Text blocks joined; images leave a mark. Skills and mentions are named in the text already."""
    blocks = [as_dict(block) for block in as_list(content)]
    told = [block for block in blocks if block and block.get("type") not in NAMED_IN_TEXT]
    return "\n".join(as_text(block["text"]) if "text" in block else f"[{block.get('type')}]" for block in told)


def context_left(used: int, window: int) -> int:
    """Whole percent, as Codex itself shows it: what every conversation begins with counts on neither side."""
    room = window - BASELINE_TOKENS
    return round(100 * max(0, room - max(0, used - BASELINE_TOKENS)) / room) if room > 0 else 0


def command_status(item: dict[str, Any]) -> ToolStatus:
    if item.get("status") == "declined":
        return "denied"
    return "ok" if item.get("exit_code") == 0 else "error"


def file_change(path: str, change: dict[str, Any]) -> FileChange:
    """Codex's ``{type: add | update | delete, content | unified_diff}``."""
    kind = change.get("type")
    content = as_text(change.get("content")).splitlines()
    if kind == "add":
        body = f"@@ -0,0 +1,{len(content)} @@\n" + "".join(f"+{line}\n" for line in content)
        return FileChange(path=path, change="added", diff=f"--- /dev/null\n+++ {path}\n{body}")
    if kind == "delete":
        body = f"@@ -1,{len(content)} +0,0 @@\n" + "".join(f"-{line}\n" for line in content)
        return FileChange(path=path, change="deleted", diff=f"--- {path}\n+++ /dev/null\n{body}")
    return FileChange(path=path, change="modified", diff=f"--- {path}\n+++ {path}\n{as_text(change.get('unified_diff'))}")


def read_usage(usage: dict[str, Any]) -> Usage:
    """OpenAI's names; its ``input_tokens`` includes what came from and went into the cache."""
    read, write = as_count(usage.get("cached_input_tokens")) or 0, as_count(usage.get("cache_write_input_tokens")) or 0
    whole = as_count(usage.get("input_tokens"))
    return Usage(
        input=None if whole is None else max(whole - read - write, 0),
        output=as_count(usage.get("output_tokens")),
        cache_read=read,
        cache_write=write,
        reasoning=as_count(usage.get("reasoning_output_tokens")),
    )
