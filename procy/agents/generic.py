"""Any program: nothing is known but what its screen shows."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from procy.hookspecs import hookimpl
from procy.types import Endpoint, Evidence, Launch, Process, Profile, TranscriptFile


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

    def via(self, argv: Sequence[str], endpoint: Endpoint) -> Launch:
        """By the variables that most programs know."""
        openai, claude = (endpoint.with_token(url) for url in (endpoint.openai, endpoint.claude))
        variables = {
            "OPENAI_BASE_URL": f"{openai}/v1",
            "OPENAI_API_BASE": f"{openai}/v1",
            "ANTHROPIC_BASE_URL": claude,
            "ANTHROPIC_API_BASE": claude,
            "GOOGLE_GEMINI_BASE_URL": openai,
        }
        return Launch(argv=tuple(argv), environment=tuple(variables.items()))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        return tuple(argv)

    def fork(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...] | None:
        return None

    def headless(self, argv: Sequence[str], prompt: str) -> Launch | None:
        return None

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        return ()

    def hooked(self, event: Mapping[str, Any], environment: Mapping[str, str]) -> TranscriptFile | None:
        return None

    def live(self, process: Process) -> Evidence | None:
        return None

    def kept(self, environment: Mapping[str, str], place: Path | None = None) -> Iterable[TranscriptFile]:
        return ()


@hookimpl(trylast=True)
def procy_profiles() -> list[Profile]:
    return [Generic()]
