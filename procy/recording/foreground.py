"""Which program has a pane's terminal, and whether it is an agent."""

import os

from procy.capture import process as processes
from procy.parse.terminal import SHELLS
from procy.plugins import profile_of
from procy.types import Process, Profile


def is_shell(process: Process) -> bool:
    """Whether it is a shell that waits for commands, not one that runs a script."""
    name = os.path.basename(process.argv[0]).removeprefix("-") if process.argv else ""
    return name in SHELLS and all(word.startswith("-") for word in process.argv[1:])


def find_agent(group: int) -> tuple[Process | None, Profile | None]:
    """The agent among a foreground process and its children (wrappers start agents), else that process itself."""
    first = None
    for process in processes.foreground(group):
        first = first or process
        profile = profile_of(process.argv)
        if profile.transcript:
            return process, profile
    return first, profile_of(first.argv) if first else None
