"""Any program: nothing is known but what its screen shows."""

import os
from collections.abc import Iterable, Sequence

from procy.hookspecs import hookimpl
from procy.types import Evidence, Launch, Process, Profile, TranscriptFile

SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh", "mksh", "ash", "nu", "xonsh", "pwsh")


class Generic:
    """See ``procy.types.Profile``. Owns every process that no other profile owns."""

    name = "generic"
    title = "any program"
    transcript = ""

    def owns(self, argv: Sequence[str]) -> bool:
        return True

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        return Launch(argv=tuple(argv))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        return tuple(argv)

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        return ()

    def live(self, process: Process) -> Evidence | None:
        return None


def is_shell(argv: Sequence[str]) -> bool:
    """Whether a command line is that of an interactive shell waiting for commands, not of a script it runs."""
    name = os.path.basename(argv[0]).lstrip("-") if argv else ""
    return name in SHELLS and all(word.startswith("-") for word in argv[1:])


@hookimpl(trylast=True)
def procy_profiles() -> list[Profile]:
    return [Generic()]
