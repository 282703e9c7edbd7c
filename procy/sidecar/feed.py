"""The status feed of an agent: the file that ``hook.sh --status`` keeps in the session's ``hooks`` folder."""

from pathlib import Path

from procy.parse.status import Status, read_status


class StatusFeed:
    """Read again only when it was written again."""

    def __init__(self, hooks: Path) -> None:
        self.path = hooks / "status"
        self.written_ns = 0
        self.last: Status | None = None

    def read(self) -> Status | None:
        """What was told last; None before anything was."""
        try:
            written_ns = self.path.stat().st_mtime_ns
            if written_ns != self.written_ns:
                self.last = read_status(self.path.read_text(encoding="utf-8", errors="replace"))
                self.written_ns = written_ns
        except OSError:
            return None
        return self.last
