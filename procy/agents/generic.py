"""Any program: nothing is known but what its screen shows."""

from collections.abc import Iterable, Sequence

from procy.hookspecs import hookimpl
from procy.types import Evidence, Launch, Process, Profile, TranscriptFile


class Generic:
    """See ``procy.types.Profile``. Owns every process that no other profile owns."""

    name = "generic"
    title = "any program"
    transcript = ""
    composer: tuple[str, ...] = ()
    program = ""

    def owns(self, argv: Sequence[str]) -> bool:
        return True

    def interactive(self, argv: Sequence[str]) -> bool:
        return True

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        return Launch(argv=tuple(argv))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        return tuple(argv)

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        return ()

    def live(self, process: Process) -> Evidence | None:
        return None


@hookimpl(trylast=True)
def procy_profiles() -> list[Profile]:
    return [Generic()]
