"""The settings of what turns change: ``[changes]``."""

from __future__ import annotations

from dataclasses import dataclass

from procy.settings.read import NUMBER, at_least, read_table


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """``enabled``: take git's trees where turns begin and end. ``largest_mb``: files beyond are left out."""

    enabled: bool = True
    largest_mb: float = 5.0

    @property
    def largest(self) -> int:
        """Bytes."""
        return int(self.largest_mb * (1 << 20))


def read_changes(found: object, path: str) -> ChangeSettings:
    values = read_table(found, {"enabled": bool, "largest_mb": NUMBER}, path, "changes")
    at_least(0, values, ["largest_mb"], path, "changes")
    return ChangeSettings(**values)
