"""What is wanted of one stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from procy.stream.agents import Speaker

Mirror = Literal["off", "text", "preview"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """``label`` stands before every line of ours on standard error. Times are seconds."""

    speaker: Speaker
    label: str = "procy stream"
    name: str = ""
    mirror: Mirror = "off"
    restartable: bool = False
    alias: bool = False  # lines with the key _CLAUDIX_ are orders
    resume_on_crash: bool = False
    watchdog_s: float | None = None
    validate: bool = False
    normalize: bool = False
    record: bool = True
    inbox: str = ""

    @property
    def command(self) -> tuple[str, ...]:
        return self.speaker.command

    @property
    def agent(self) -> str:
        """The name of its profile."""
        return self.speaker.profile

    @property
    def by_lines(self) -> bool:
        """Whether input is taken line by line and not as it comes."""
        return self.restartable or self.validate
