"""Patterns of paths, as in ``.gitignore``: without a slash at any depth, a directory with all below it, ``**`` across slashes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


def matching(paths: Iterable[str], patterns: Iterable[str], folder: str = "") -> tuple[str, ...]:
    """The paths that any pattern means; patterns with a slash begin in ``folder``."""
    forms = [form_of(pattern, folder) for pattern in patterns]
    return tuple(path for path in paths if any(form.fullmatch(path) for form in forms))


@lru_cache(maxsize=512)
def form_of(pattern: str, folder: str = "") -> re.Pattern[str]:
    bare = pattern.removeprefix("./").rstrip("/")
    anchored = "/" in bare or pattern.startswith("./")
    prefix = re.escape(folder.rstrip("/") + "/") if folder and anchored else "" if anchored else "(?:.*/)?"
    body = "".join(translated(part) for part in re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", bare.lstrip("/")))
    return re.compile(f"{prefix}{body}(?:/.*)?", re.DOTALL)


def translated(part: str) -> str:
    return {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part) or re.escape(part)
