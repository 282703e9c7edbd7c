"""A session of the first procy, as lines of JSON that ``procy import seed`` makes of its rows: ``{"table", …columns}``.

``turns`` of role ``human`` and ``procy`` are prompts, those of ``agent`` and ``agent_chunk`` with the same ``turn_num`` the
answer; ``actions`` are tool calls. All of it was read from the screen. Times are seconds since 1970.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from procy.parse.times import from_milliseconds
from procy.parse.transcripts.base import Trace
from procy.parse.transcripts.shapes import UNFORESEEN, as_text
from procy.parse.turns import Draft


class Reader(Trace):
    """See ``procy.types.TracingReader``."""

    def __init__(self, agent_session_id: str) -> None:
        super().__init__(agent_session_id)
        self.drafts: dict[int, Draft] = {}  # by turn_num: the last prompt of that number

    def feed(self, line: bytes) -> None:
        record = self.record(line)
        if record is None:
            return
        seconds = record.get("timestamp")
        at_ns = self.told(
            from_milliseconds(round(seconds * 1000) if isinstance(seconds, (int, float)) and 0 <= seconds < 1e12 else None)
        )
        with suppress(*UNFORESEEN):
            if record["table"] == "turns":
                self._turn(record, at_ns)
            elif record["table"] == "actions":
                self._action(record, at_ns)

    def _turn(self, record: dict[str, Any], at_ns: int) -> None:
        number, text = int(record["turn_num"]), as_text(record["content"])
        if record["role"] in ("human", "procy"):
            key = turn_key(self.agent_session_id, int(record["id"]))
            self.drafts[number] = Draft(key=key, prompt=text, started_ns=at_ns, agent_session_id=None, source="screen")
            self.touched[key] = self.drafts[number]
        elif draft := self.drafts.get(number):
            if draft.texts and record["role"] == "agent_chunk":
                draft.texts[-1] += text  # chunks were cut anywhere
            else:
                draft.say(text)
            draft.end("done", at_ns)
            self.touched[draft.key] = draft

    def _action(self, record: dict[str, Any], at_ns: int) -> None:
        if draft := self.drafts.get(int(record["turn_num"])):
            key = f"action-{record['id']}"
            draft.call(key, as_text(record["tool_name"]), as_text(record["tool_input"]), at_ns)
            draft.result(key, as_text(record["tool_result"]), "unknown", at_ns)
            self.touched[draft.key] = draft


def turn_key(session: str, row_id: int) -> str:
    """The name of a turn among all of the first procy's: that of the row with its prompt."""
    return f"seed:{session}:{row_id}"
