"""Claude Code's lines in front, Codex's events behind: what each side's words are in the other's. No I/O.

One message is one turn and one ``result``; messages that come meanwhile wait their turn. ``control_request`` of subtype interrupt
ends a turn. Codex's own questions go to the caller as ``can_use_tool`` where it said that it answers them
(``--permission-prompt-tool stdio``), else they are declined.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from procy.parse.streams.codex_server import CodexServer
from procy.parse.streams.events import Event
from procy.parse.transcripts.claude_code import prompt_text
from procy.parse.transcripts.shapes import as_dict, as_text
from procy.types import Usage

Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the command line asks for. ``rest`` are words for codex itself."""

    model: str = ""
    cwd: str = ""
    resume: str = ""
    fork: str = ""
    sandbox: str = ""
    approval: str = ""
    echoes: bool = False
    asks: bool = False
    rest: tuple[str, ...] = ()

    @property
    def bypass(self) -> bool:
        return self.sandbox == "danger-full-access" and self.approval == "never"


VALUES = {"-m": "model", "--model": "model", "-C": "cwd", "--cd": "cwd", "--resume": "resume", "--fork": "fork",
          "-s": "sandbox", "--sandbox": "sandbox", "-a": "approval", "--ask-for-approval": "approval"}  # fmt: skip
BYPASS = "--dangerously-bypass-approvals-and-sandbox"


def parse_words(words: Sequence[str]) -> Wishes:
    found: dict[str, Any] = {}
    rest: list[str] = []
    left = iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        if name in VALUES and (equals or name == word):
            found[VALUES[name]] = value if equals else next(left, "")
        elif word == BYPASS:
            found |= {"sandbox": "danger-full-access", "approval": "never"}
        elif word == "--replay-user-messages":
            found["echoes"] = True
        elif word == "--permission-prompt-tool":
            found["asks"] = next(left, "") == "stdio"
        else:
            rest.append(word)
    return Wishes(**found, rest=tuple(rest))


@dataclass
class Speech:
    """Events as Claude Code's lines."""

    session_id: str = ""
    model: str = ""
    turns: int = 0
    text: str = ""

    def lines(self, event: Event) -> Iterator[Record]:
        if event.kind == "session":
            self.session_id, self.model = event.key or self.session_id, event.name or self.model
        elif event.kind == "begin":
            self.text = ""
            yield self.line("system", subtype="init", model=self.model, tools=[], permissionMode="default", one_message=True)
        elif event.kind == "text":
            self.text = event.text
            yield self.assistant({"type": "text", "text": event.text})
        elif event.kind == "thinking" and event.text:
            yield self.assistant({"type": "thinking", "thinking": event.text})
        elif event.kind == "call":
            yield self.assistant(
                {"type": "tool_use", "id": event.key, "name": event.name, "input": json.loads(event.text or "{}")}
            )
        elif event.kind == "result":
            block = {"type": "tool_result", "tool_use_id": event.key, "content": event.text, "is_error": event.status != "ok"}
            yield self.line("user", message={"role": "user", "content": [block]})
        elif event.kind == "end":
            yield self.result(event)

    def result(self, event: Event) -> Record:
        self.turns += 1
        failed = event.status != "done"
        return self.line(
            "result",
            subtype="error_during_execution" if failed else "success",
            is_error=failed,
            num_turns=self.turns,
            result=event.text or self.text,
            usage=usage_of(event.usage),
        )

    def assistant(self, block: Record) -> Record:
        return self.line("assistant", message={"role": "assistant", "model": self.model, "content": [block]})

    def line(self, kind: str, **fields: Any) -> Record:
        return {"type": kind, **fields, "session_id": self.session_id}


def usage_of(usage: Usage | None) -> Record:
    names = {"input": "input_tokens", "output": "output_tokens", "cache_read": "cache_read_input_tokens"}
    told = usage or Usage()
    return {name: getattr(told, field) or 0 for field, name in names.items()}


@dataclass
class Front:
    """What goes to each side: ``to_server`` and ``to_client`` fill up and are taken by the caller."""

    wishes: Wishes
    cwd: str
    speech: Speech = field(default_factory=Speech)
    events: CodexServer = field(default_factory=CodexServer)
    to_server: list[Record] = field(default_factory=list)
    to_client: list[Record] = field(default_factory=list)
    waiting: list[Record] = field(default_factory=list)
    asked: dict[str, Any] = field(default_factory=dict)  # questions of the server by the id that the client knows
    calls: set[str] = field(default_factory=set)
    number: int = 0
    thread_asked: int = 0
    turn_id: str = ""
    turn_runs: bool = False
    interrupting: bool = False
    is_up: bool = False
    failed: bool = False  # the last turn ended in an error

    def begin(self) -> None:
        self._ask("initialize", {"clientInfo": {"name": "procy", "title": "procy stream", "version": "1"}})

    @property
    def is_idle(self) -> bool:
        return not self.turn_runs and not self.waiting

    # -- the client's lines -------------------------------------------------------------------------------------------

    def client(self, record: Record) -> None:
        kind, request = record.get("type"), as_dict(record.get("request"))
        if kind == "user" and as_dict(record.get("message")).get("role") == "user":
            self.waiting.append(record)
            self._next()
        elif kind == "control_request":
            subtype = request.get("subtype")
            if subtype == "interrupt":
                self.interrupt()
            answer: Record = {"subtype": "success", "request_id": record.get("request_id"), "response": {}}
            self.to_client.append({"type": "control_response", "response": answer})
        elif kind == "control_response":
            self._decide(as_dict(record.get("response")))

    def interrupt(self) -> None:
        """End the running turn."""
        if self.turn_id:
            self._ask("turn/interrupt", {"threadId": self.events.thread, "turnId": self.turn_id})
        else:
            self.interrupting = self.turn_runs

    def _decide(self, response: Record) -> None:
        key = self.asked.pop(as_text(response.get("request_id")), None)
        if key is not None:
            allowed = as_dict(response.get("response")).get("behavior") == "allow"
            self.to_server.append({"id": key, "result": {"decision": "accept" if allowed else "decline"}})

    def _next(self) -> None:
        """Start the turn of the oldest message, unless one runs."""
        if not self.events.thread or self.turn_runs or not self.waiting:
            return
        record = self.waiting.pop(0)
        self.turn_runs = True
        text = prompt_text(as_dict(record.get("message")).get("content"))
        self._ask("turn/start", {"threadId": self.events.thread, "input": [{"type": "text", "text": text}]})
        self.to_client.extend(self.speech.lines(Event(kind="begin")))
        if self.wishes.echoes:
            self.to_client.append(self.speech.line("user", uuid=record.get("uuid"), isReplay=True, message=record.get("message")))

    # -- the server's lines -------------------------------------------------------------------------------------------

    def server(self, record: Record) -> None:
        method = as_text(record.get("method"))
        if method and "id" in record:
            self._question(record)
        elif method == "turn/started":
            self.turn_id = as_text(as_dict(as_dict(record.get("params")).get("turn")).get("id"))
            if self.interrupting:
                self.interrupting = False
                self.interrupt()
        elif not method and record.get("id") == 1 and "result" in record:
            self._up()
        elif not method and "error" in record:
            self._refused(record)
        else:
            for event in self.events.said(record):
                self._tell(event)
            if not method:
                self._next()

    def _up(self) -> None:
        self.is_up = True
        self.to_server.append({"method": "initialized"})
        wishes = self.wishes
        settings = {
            "cwd": wishes.cwd or self.cwd,
            "model": wishes.model,
            "approvalPolicy": wishes.approval,
            "sandbox": wishes.sandbox,
        }
        given = {name: value for name, value in settings.items() if value}
        if wishes.resume or wishes.fork:
            method = "thread/fork" if wishes.fork else "thread/resume"
            self.thread_asked = self._ask(method, {"threadId": wishes.fork or wishes.resume, **given})
        else:
            self.thread_asked = self._ask("thread/start", given)

    def _refused(self, record: Record) -> None:
        words = as_text(as_dict(record.get("error")).get("message")) or "refused"
        if record.get("id") == self.thread_asked:
            raise ValueError(f"codex gives no thread: {words}")
        if self.turn_runs and not self.turn_id:
            self._tell(Event(kind="end", status="error", text=words))

    def _question(self, record: Record) -> None:
        """Codex asks whether it may."""
        params = as_dict(record.get("params"))
        if self.wishes.asks and not self.wishes.bypass:
            key = f"codex-{record['id']}"
            self.asked[key] = record["id"]
            name = "Bash" if "command" in params else "Edit"
            request = {"subtype": "can_use_tool", "tool_name": name, "input": params, "tool_use_id": params.get("itemId")}
            self.to_client.append({"type": "control_request", "request_id": key, "request": request})
        else:
            decision = "accept" if self.wishes.bypass else "decline"
            self.to_server.append({"id": record["id"], "result": {"decision": decision}})

    def _tell(self, event: Event) -> None:
        if event.kind == "begin" or (event.kind == "call" and event.key in self.calls):
            return
        if event.kind == "call":
            self.calls.add(event.key)
        self.to_client.extend(self.speech.lines(event))
        if event.kind == "end":
            self.failed = event.status == "error"
            self.turn_runs, self.turn_id = False, ""
            self.calls.clear()
            self._next()

    def _ask(self, method: str, params: Record) -> int:
        self.number += 1
        self.to_server.append({"id": self.number, "method": method, "params": params})
        return self.number
