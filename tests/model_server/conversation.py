"""What a wire reads out of a request, in the neutral words that `scenario` understands."""

from __future__ import annotations

from dataclasses import dataclass, field

SUMMARY = "The user tried scripted prompts and every one was answered. Nothing is pending."
TITLE = "Scripted test session"


@dataclass(frozen=True)
class Conversation:
    """`prompt`: the newest human prompt, "" when there is none. `rounds`: tool result messages since then.
    `folded`: human prompts that the client added while that turn ran. `tools`: names offered.
    `side`: "" for a turn of the agent, else why the client asks on its own: title, topic, compact."""

    prompt: str = ""
    rounds: int = 0
    folded: tuple[str, ...] = ()
    tools: frozenset[str] = field(default_factory=frozenset)
    side: str = ""

    @property
    def key(self) -> tuple[str, int]:
        return self.prompt, self.rounds
