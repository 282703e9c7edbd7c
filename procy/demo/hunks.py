"""What an edit changed, in the form of Claude Code's ``structuredPatch``."""

import difflib
from dataclasses import dataclass


@dataclass(frozen=True)
class Hunk:
    """See ``structuredPatch``; its names."""

    oldStart: int
    oldLines: int
    newStart: int
    newLines: int
    lines: list[str]


def patch(before: str, after: str) -> list[Hunk]:
    old, new = before.splitlines(), after.splitlines()
    hunks = []
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(2):
        lines: list[str] = []
        for kind, i, j, k, m in group:
            if kind == "equal":
                lines += [f" {line}" for line in old[i:j]]
            else:
                lines += [f"-{line}" for line in old[i:j]] + [f"+{line}" for line in new[k:m]]
        first, last = group[0], group[-1]
        hunks.append(Hunk(first[1] + 1, last[2] - first[1], first[3] + 1, last[4] - first[3], lines))
    return hunks


def middle(before: str, after: str) -> tuple[str, str]:
    """The one run of lines that differs, before and after, with as many lines around it as make it the first such run."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    if first + last == len(old):  # an insertion: something must say where
        first, last = max(first - 1, 0), max(last - 1, 0)
    while before.find("".join(old[first : len(old) - last])) != len("".join(old[:first])):
        first, last = max(first - 1, 0), max(last - 1, 0)
    return "".join(old[first : len(old) - last]), "".join(new[first : len(new) - last])
