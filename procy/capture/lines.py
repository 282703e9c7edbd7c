"""The spool of a stream: lines that ``procy stream`` writes and the sidecar reads. One folder a session.

``stream.json`` says what runs; ``<offset>.lines`` are stamped lines (``procy.parse.streams.stamp``), a new file after every
``SEGMENT`` bytes, named by the offset of its first byte; ``stream.lock`` is held while the program runs that writes them.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from procy.capture.locks import is_locked
from procy.capture.spool import write_whole
from procy.capture.transcript import Lines, read_lines

SEGMENT = 64 << 20
ENDING = ".stream"  # of the name that a stream has among transcripts


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMeta:
    """What runs. Times are ns since 1970; ``socket`` is where it takes orders, "" where it takes none."""

    session_id: str
    agent: str
    command: tuple[str, ...]
    cwd: str
    started_ns: int
    pid: int
    name: str = ""
    socket: str = ""


class LineSpool:
    """One stream's folder."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def session_id(self) -> str:
        return self.path.name

    @property
    def transcript(self) -> str:
        """The name that it has among the database's transcripts."""
        return f"{self.path}{ENDING}"

    @property
    def lock(self) -> str:
        return str(self.path / "stream.lock")

    def create(self, meta: StreamMeta) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self.path / "stream.json", json.dumps(asdict(meta), indent=1).encode("utf-8", "surrogateescape"))

    def meta(self) -> StreamMeta:
        """Raises OSError, ValueError or TypeError where there is no readable one."""
        fields = json.loads((self.path / "stream.json").read_bytes())
        fields["command"] = tuple(fields["command"])
        return StreamMeta(**fields)

    def segments(self) -> list[int]:
        """The offsets at which files begin."""
        return sorted(int(path.stem) for path in self.path.glob("*.lines") if path.stem.isdigit())

    def segment(self, start: int) -> Path:
        return self.path / f"{start:020d}.lines"

    def read(self, offset: int) -> Lines:
        """Whole lines from there on, as ``read_lines`` gives them."""
        for start in reversed([start for start in self.segments() if start <= offset]):
            lines, following = read_lines(self.segment(start), offset - start)
            if not lines and self.segment(offset).exists() and offset != start:
                return self.read_segment(offset)
            return Lines([(start + place, line) for place, line in lines], start + following)
        return Lines([], offset)

    def read_segment(self, start: int) -> Lines:
        lines, following = read_lines(self.segment(start), 0)
        return Lines([(start + place, line) for place, line in lines], start + following)

    def rest(self, offset: int) -> bytes:
        """What stands behind the last whole line, of a writer that was killed."""
        starts = [start for start in self.segments() if start <= offset]
        if not starts:
            return b""
        try:
            with self.segment(starts[-1]).open("rb") as file:
                file.seek(offset - starts[-1])
                return file.read()
        except OSError:
            return b""

    def prune(self, offset: int) -> None:
        """Delete the files that end before there."""
        starts = self.segments()
        for start, following in itertools.pairwise(starts):
            if following <= offset:
                self.segment(start).unlink(missing_ok=True)

    def is_written(self) -> bool:
        """Whether the program lives that writes it."""
        return is_locked(self.lock)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def line_spools(root: str | Path) -> list[LineSpool]:
    """All streams' folders below the spool, oldest first."""
    return [LineSpool(path.parent) for path in sorted(Path(root).glob("streams/*/stream.json"))]


def line_spool(root: str | Path, session_id: str) -> LineSpool:
    return LineSpool(os.path.join(root, "streams", session_id))
