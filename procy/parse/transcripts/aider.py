"""One chat of aider's ``.aider.chat.history.md``: ``TIME``, a tab and a line of it, see ``procy.chats``.

Seen in version 0.86.2. What a line means here (aider ends those of its own with two blanks, an answer's are as they are):

- ``#### ``: a line of a prompt, or of a command of aider's (``/add``), or of the user's (``!ls``).
- ``> Tokens: 2.3k sent, 16 received. Cost: …``: the model has answered. The counts are rounded above a thousand.
- ``> Applied edit to FILE``, behind ``> Create new file? … y`` where it is a new one.
- ``> Run shell command? … y`` behind the command's lines: a call, whose output is kept nowhere; ``… n``: one that was refused.
- ``> ^C again to exit``: the user interrupted; what there was of the answer stands behind it.
- ``> litellm.…Error: …``: the call failed. aider may try again.
- ``> Model: NAME with … edit format``. Everything else behind ``>`` is aider's talk; the rest is the answer.

An answer's end has a time only where the file was read as it grew; else a turn ends where it began.
"""

import re
from dataclasses import replace

from procy.parse.times import from_iso_exactly
from procy.parse.transcripts.base import Drafts
from procy.parse.transcripts.shapes import as_json
from procy.parse.turns import Draft
from procy.types import Evidence, FileChange, TurnStatus, Usage

PROMPT = re.compile(r"#### ?(.*)  $")
TOLD = re.compile(r"> ?(.*?)(?:  )?$")
TOKENS = re.compile(
    r"Tokens: ([\d.]+[kM]?) sent(?:, ([\d.]+[kM]?) cache write)?(?:, ([\d.]+[kM]?) cache hit)?, ([\d.]+[kM]?) received"
)
COST = re.compile(r"\$([\d.]+) session")
MODEL = re.compile(r"(?:Main m|M)odel: (\S+) with ")
EDITED = re.compile(r"Applied edit to (.+)")
CREATED = re.compile(r"Create new file\?.*: ?[yY]")
SHELL = re.compile(r"Run shell commands?\?.*?: ?([yYnNdDaAsS])?\w*$")
FAILED = re.compile(r"(litellm\.\w*(?:Error|Exception).*)")
INTERRUPTED = "^C again to exit"
UNITS = {"k": 1_000, "M": 1_000_000}


class Reader(Drafts):
    """See ``procy.types.TranscriptReader``."""

    def __init__(self, agent_session_id: str) -> None:
        super().__init__(agent_session_id)
        self.model: str | None = None
        self.is_asked = False  # the last line was one of the prompt's
        self.answer: list[str] = []  # lines since aider's last words
        self.said: list[str] = []  # aider's last words

    def feed(self, line: bytes) -> None:
        stamp, tab, text = line.decode("utf-8", "replace").partition("\t")
        if not tab:
            return
        at_ns = from_iso_exactly(stamp)
        text = text.removesuffix("\r")
        if match := PROMPT.match(text):
            self._prompt(match[1], stamp, at_ns)
            return
        self.is_asked = False
        if text.startswith(">") and text.endswith("  "):
            match = TOLD.match(text)
            self._told(match[1].strip() if match else "", at_ns)
        elif self.current:
            self.answer.append(text)
            self._answered(at_ns)

    # -- lines --------------------------------------------------------------------------------------------------------

    def _prompt(self, text: str, stamp: str, at_ns: int) -> None:
        draft = self.current
        if self.is_asked and draft:
            draft.prompt += f"\n{text}"
            self.touched[draft.key] = draft
            return
        if draft and draft.status == "open":
            self._end("interrupted" if draft.kind == "prompt" else "done", 0)
        self.is_asked, self.answer, self.said = True, [], []
        draft = Draft(
            key=stamp, prompt=text, started_ns=at_ns, agent_session_id=self.agent_session_id, model=self.model,
            kind="command" if text.startswith("/") else "shell" if text.startswith("!") else "prompt",
        )  # fmt: skip
        self.current = self.touched[stamp] = draft
        self.last = Evidence("busy", "", at_ns)

    def _answered(self, at_ns: int) -> None:
        """What stands there of an answer, without the empty lines around it."""
        draft = self.current
        if draft and any(self.answer):
            whole = "\n".join(self.answer).strip("\n")
            draft.texts[len(draft.usages) :] = [whole] if whole else []
            self._touch(draft, at_ns)

    def _told(self, words: str, at_ns: int) -> None:
        if match := MODEL.match(words):
            self.model = match[1]
        draft = self.current
        if draft is None:
            return
        if match := TOKENS.match(words):
            self._tokens(draft, match, words, at_ns)
            return
        if match := EDITED.match(words):
            new = any(CREATED.match(one) for one in self.said[-1:])
            draft.change(FileChange(path=match[1], change="added" if new else "modified"))
            self._later(at_ns)
        elif match := SHELL.match(words):
            self._shell(draft, (match[1] or "y").lower() not in ("n", "s"), at_ns)
        elif match := FAILED.match(words):
            self._end("error", at_ns, match[1])
        elif words == INTERRUPTED:
            self._end("interrupted", at_ns)
        else:
            if draft.kind != "prompt" and words:
                draft.texts = ["\n".join([*draft.texts, words])]
                self._end("done", at_ns)
            self._later(at_ns)
        self.said = [*self.said, words]

    def _tokens(self, draft: Draft, match: re.Match[str], words: str, at_ns: int) -> None:
        sent, write, hit, received = (count_of(one) for one in match.groups())
        cached = (write or 0) + (hit or 0)
        fresh = None if sent is None else max(sent - cached, 0)
        draft.use(str(len(draft.usages)), Usage(input=fresh, output=received, cache_read=hit, cache_write=write))
        draft.kind, draft.model, self.answer, self.said = "prompt", self.model, [], []
        if cost := COST.search(words):
            self.cost_usd = float(cost[1])
        if draft.status in ("open", "error"):
            self._end("done", at_ns)
        self._touch(draft, at_ns)

    def _shell(self, draft: Draft, allowed: bool, at_ns: int) -> None:
        command = "\n".join(self.said)
        key = f"{draft.key}/{len(draft.calls)}"
        draft.call(key, "shell", as_json({"command": command}), at_ns or draft.started_ns)
        draft.calls[key] = replace(draft.calls[key], status="unknown" if allowed else "denied")
        self.said = []
        self._later(at_ns)

    # -- turns --------------------------------------------------------------------------------------------------------

    def _later(self, at_ns: int) -> None:
        """aider goes on after the answer: that is part of the turn."""
        draft = self.current
        if draft is None:
            return
        if draft.ended_ns is not None and at_ns > draft.ended_ns:
            draft.ended_ns = at_ns
        self._touch(draft, at_ns)

    def _end(self, status: TurnStatus, at_ns: int, error: str | None = None) -> None:
        if self.current:
            self.current.end(status, at_ns, error)
            self._touch(self.current, at_ns)
            self.last = Evidence("error" if error else "idle", error or "", self.current.ended_ns or 0)


def count_of(text: str | None) -> int | None:
    if not text:
        return None
    return round(float(text.rstrip("kM")) * UNITS.get(text[-1], 1))
