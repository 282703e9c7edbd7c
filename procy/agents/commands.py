"""Command lines of agents: which program it is, and which options it was given."""

import os
import re
from collections.abc import Sequence

INTERPRETERS = ("node", "bun", "deno", "python", "python3", "sh", "bash", "npx", "env")
CODE = re.compile(r"-[a-z]*c|-e|-p|-pe|--eval|--print")


def is_program(argv: Sequence[str], names: Sequence[str], packages: Sequence[str] = ()) -> bool:
    """Whether the process is one of the programs, started directly or by an interpreter from one of the packages."""
    return program_place(argv, names, packages) is not None


def program_place(argv: Sequence[str], names: Sequence[str], packages: Sequence[str] = ()) -> int | None:
    """Which word of a command line is the program: the first, or the script that an interpreter runs. None when none is."""
    if not argv:
        return None
    first = program_name(argv[0])
    if first in names:
        return 0
    place = script_place(argv) if first.rstrip("0123456789.") in INTERPRETERS else None
    if place is None:
        return None
    script = argv[place]
    return place if program_name(script) in names or any(package in script for package in packages) else None


def script_place(argv: Sequence[str]) -> int | None:
    """The word that an interpreter runs; None where it was given code (``sh -c``, ``node -e``), whatever that starts."""
    for place, word in enumerate(argv[1:], 1):
        if CODE.fullmatch(word):
            return None
        if not word.startswith("-") and "=" not in word:  # env takes assignments
            return place
    return None


def program_name(path: str) -> str:
    """``claude`` for ``/x/claude``, ``claude.exe``, ``claude.js``."""
    name = os.path.basename(path)
    for ending in (".exe", ".js", ".cjs", ".mjs", ".py"):
        name = name.removesuffix(ending)
    return name


def has_option(words: Sequence[str], *options: str) -> bool:
    """Whether one of the options is given, as ``--option`` or ``--option=value``."""
    return any(word.partition("=")[0] in options for word in words)


def take_option(argv: Sequence[str], option: str) -> tuple[tuple[str, ...], list[str]]:
    """The command line without an option that takes a value, and the values it had."""
    rest: list[str] = []
    values: list[str] = []
    words = iter(argv)
    for word in words:
        if word == option:
            values.extend(value for value in [next(words, None)] if value is not None)
        elif word.startswith(f"{option}="):
            values.append(word.partition("=")[2])
        else:
            rest.append(word)
    return tuple(rest), values
