"""A lane: the place in which one try at a time is made. What it is (a pane here, the user's own, one on another host) is its
own affair; the loop knows these methods only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from procy.errors import ProcyError

Watch = Callable[[], None]  # called while a lane waits; raises Stopped or Pause to end the waiting
Tell = Callable[[str], None]  # what the agent asks meanwhile, "" when it asks no more


class Pause(ProcyError):
    """The run cannot go on for now. It is paused with this text as its reason, and can be resumed."""


class LaneLost(Pause):
    """The lane's pane or agent is gone: its try begins anew when the run is resumed."""


class Stopped(Exception):
    """Somebody wants the run to stop."""


@dataclass(frozen=True, slots=True)
class Ready:
    """An agent that waits for a prompt, in files that are the commit's. ``knows_parent``: whether it remembers how they came."""

    session_id: str
    knows_parent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a prompt. ``response`` and ``elsewhere`` (turn, tokens, usd) only where its turn is recorded on
    another host."""

    status: Literal["done", "interrupted", "error", "unanswered"]
    turn_id: str | None = None
    response: str | None = None
    conversation: str = ""
    mixed: bool = False
    reason: str = ""
    elsewhere: Mapping[str, Any] = field(default_factory=dict)


class Lane(Protocol):
    """``number`` counts from 1. ``host`` is "" here. ``cwd``: its files on this machine, "" where they are elsewhere."""

    number: int
    host: str

    @property
    def cwd(self) -> str: ...

    def prepare(self, commit: str, conversation: str, watch: Watch, tell: Tell) -> Ready:
        """Make the files the commit's, and the agent one that remembers that conversation, where it can."""

    def is_there(self, session_id: str) -> bool:
        """Whether the agent of that session still runs, so that a resumed run can go on with it."""

    def send(self, session_id: str, prompt: str, injection_id: str, watch: Watch) -> str:
        """Type the prompt, unless it was typed already under that id; returns the id under which it was."""

    def wait(self, session_id: str, injection_id: str, patience_s: float, watch: Watch, tell: Tell) -> Answer:
        """Until the agent is really done."""

    def commit(self, parent: str, message: str) -> str:
        """The commit of the files as they are now; the parent itself where nothing differs."""

    def interrupt(self, session_id: str) -> None:
        """Stop the agent where it works."""

    def close(self) -> None:
        """Take away what ``prepare`` made."""
