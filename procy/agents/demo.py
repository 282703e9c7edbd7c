"""The scripted agent of ``procy demo``. It keeps a transcript in Claude Code's form, so it is read by the same reader."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from procy.hookspecs import hookimpl
from procy.types import Evidence, Launch, Process, Profile, TranscriptFile


class Demo:
    """See ``procy.types.Profile``."""

    name = "demo"
    title = "scripted demo agent"
    transcript = "claude_code"
    composer: tuple[str, ...] = ("❯",)
    program = ""

    def owns(self, argv: Sequence[str]) -> bool:
        return "procy.demo.agent" in argv

    def interactive(self, argv: Sequence[str]) -> bool:
        return True

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        return Launch(argv=tuple(argv))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        return tuple(argv)

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        path = Path(process.environment.get("PROCY_DEMO_TRANSCRIPT", ""))
        if path.suffix == ".jsonl" and path.exists():
            yield TranscriptFile(str(path), path.stem)

    def live(self, process: Process) -> Evidence | None:
        return None


@hookimpl
def procy_profiles() -> list[Profile]:
    return [Demo()]
