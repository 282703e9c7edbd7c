"""The scripted agent's transcript, in the form of Claude Code's: that is what procy's reader of it is proven with."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


class Transcript:
    """Appends one JSON line an event. ``path`` may be None: then nothing is kept."""

    def __init__(self, path: Path | None, cwd: str) -> None:
        self.path = path
        self.session = path.stem if path else ""
        self.cwd = cwd
        self.messages = 0

    def copy_to(self, path: Path) -> Transcript:
        """The conversation once more: its lines with the name of the copy, and otherwise the same, ``uuid`` included."""
        copy = Transcript(path, self.cwd)
        lines = [{**line, "sessionId": copy.session} for line in self.lines()]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        return copy

    def lines(self) -> list[dict[str, Any]]:
        """What was kept so far."""
        if self.path is None or not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def prompts(self) -> list[str]:
        """What was asked so far."""
        return [line["message"]["content"] for line in self.lines() if line.get("promptSource") == "typed"]

    def prompt(self, text: str) -> None:
        self.add("user", message={"role": "user", "content": text}, origin={"kind": "human"}, promptSource="typed")

    def text(self, text: str, last: bool) -> None:
        self.say([{"type": "text", "text": text}], "end_turn" if last else "tool_use")

    def call(self, name: str, arguments: dict[str, Any]) -> str:
        """Returns the id that the result is to name."""
        key = f"toolu_{uuid.uuid4().hex[:24]}"
        self.say([{"type": "tool_use", "id": key, "name": name, "input": arguments}], "tool_use")
        return key

    def result(self, key: str, text: str, failed: bool, details: dict[str, Any]) -> None:
        block = {"type": "tool_result", "tool_use_id": key, "content": text, "is_error": failed}
        self.add("user", message={"role": "user", "content": [block]}, toolUseResult=details)

    def interrupted(self) -> None:
        self.add("user", message={"role": "user", "content": [{"type": "text", "text": "[Request interrupted by user]"}]})

    def done(self, milliseconds: int) -> None:
        self.add("system", subtype="turn_duration", durationMs=milliseconds)

    def say(self, content: list[dict[str, Any]], stop_reason: str) -> None:
        self.messages += 1
        words = len(json.dumps(content)) // 4
        cached = 900 + 60 * self.messages
        usage = {"input_tokens": 40, "output_tokens": words, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0}
        message = {"id": f"msg_{uuid.uuid4().hex[:24]}", "role": "assistant", "model": "scripted-demo", "content": content,
                   "stop_reason": stop_reason, "usage": usage}  # fmt: skip
        self.add("assistant", message=message)

    def add(self, kind: str, **fields: Any) -> None:
        if self.path is None:
            return
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        line = {"type": kind, "uuid": str(uuid.uuid4()), "timestamp": now, "sessionId": self.session, "cwd": self.cwd, **fields}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
