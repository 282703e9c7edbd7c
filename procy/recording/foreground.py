"""Which program has a pane's terminal, and whether it is an agent."""

import os

from procy.capture import process as processes
from procy.capture.tmux import Pane
from procy.parse.terminal import SHELLS
from procy.plugins import profile_of
from procy.types import Process, Profile

WITH_WORD = ("--rcfile", "--init-file", "--init-command", "-C", "-o", "+o", "-O", "+O")  # options of shells that take a word


def is_shell(process: Process) -> bool:
    """Whether it is a shell that waits for commands, not one that runs a script."""
    name = os.path.basename(process.argv[0]).removeprefix("-") if process.argv else ""
    words = iter(process.argv[1:])
    return name in SHELLS and all(word[:1] in ("-", "+") and (word not in WITH_WORD or next(words, "")) for word in words)


def find_agent(group: int) -> tuple[Process | None, Profile | None]:
    """The agent among a foreground process and its children (wrappers start agents), else that process itself."""
    first = None
    for process in processes.foreground(group):
        first = first or process
        profile = profile_of(process.argv)
        if is_known(profile):
            return process, profile
    return first, profile_of(first.argv) if first else None


def is_known(profile: Profile) -> bool:
    """Whether it knows more of its agent than any program has: where its transcripts are, or how its screen is read."""
    return bool(profile.transcript or getattr(profile, "marks", None))


def program_of(pane: Pane) -> tuple[Process | None, Profile | None]:
    """What has the pane's terminal now: the agent, else the foreground process; (None, None) when nobody can see it."""
    group = processes.foreground_group(pane.pid)
    return find_agent(group) if group else (None, None)
