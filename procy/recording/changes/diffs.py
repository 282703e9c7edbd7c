"""What differs between two trees of git, file by file, as unified diffs of bounded length."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from procy.git import Repo, names_in

FORM = ("-r", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=none")
LONGEST = 256 << 10  # characters of one file's diff
MOST = 8 << 20  # bytes of all of them
SECTION = re.compile(r"^diff --git .*$", re.MULTILINE)
WORDS = {"A": "added", "D": "deleted"}


class FileDiff(NamedTuple):
    """``why`` there is no diff: binary, long."""

    path: str
    change: str
    diff: str | None
    why: str | None


def diffs(repo: Repo, before: str, after: str, spared: Collection[str]) -> list[FileDiff]:
    """``spared``: paths of which one of the trees does not know how they were. Raises GitError."""
    if before == after:
        return []
    entries = names_in(repo.output("diff-tree", "--name-status", "-z", *FORM, before, after))
    text, cut = repo.beginning("diff-tree", "-p", *FORM, before, after, limit=MOST)
    sections = sections_of(text)
    found = []
    for place, (letter, path) in enumerate(zip(entries[::2], entries[1::2], strict=True)):
        own = [next(sections, "") for _ in range(2 if letter == "T" else 1)]
        whole = not cut or place + 1 < len(entries) // 2
        if path not in spared:
            found.append(file_diff(path, WORDS.get(letter, "modified"), own, whole))
    return found


def sections_of(text: str) -> Iterator[str]:
    starts = [match.start() for match in SECTION.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield text[start:end]


def file_diff(path: str, change: str, sections: Sequence[str], whole: bool) -> FileDiff:
    text = "".join(body_of(section) for section in sections)
    if not all(sections) or not whole or len(text) > LONGEST:
        return FileDiff(path, change, None, "long")
    if any("\nBinary files " in section and "\n@@ " not in section for section in sections):
        return FileDiff(path, change, None, "binary")
    return FileDiff(path, change, text, None)


def body_of(section: str) -> str:
    """From the names on, as agents' tools tell diffs; a change of the mode alone says so."""
    place = section.find("\n--- ")
    return section[place + 1 :] if place >= 0 else section.partition("\n")[2]
