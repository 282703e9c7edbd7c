"""Hook events: files that ``hook.sh`` left in a session's ``hooks`` folder."""

from pathlib import Path
from typing import NamedTuple


class HookFile(NamedTuple):
    """One event: when it was spooled (the file's own time, ns), and the JSON text the agent gave."""

    path: Path
    time_ns: int
    payload: str


def waiting(folder: Path) -> list[HookFile]:
    """The events not yet taken, oldest first. Delete each file once its content is safe."""
    found = []
    for path in folder.glob("*.json"):
        try:
            payload = path.read_text(encoding="utf-8", errors="replace")
            found.append(HookFile(path, path.stat().st_mtime_ns, payload))
        except OSError:
            continue
    return sorted(found, key=lambda file: file.time_ns)
