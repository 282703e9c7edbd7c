"""Command lines of agents: which program it is, and which options it was given."""

import os
import re
from collections.abc import Sequence

INTERPRETERS = ("node", "bun", "deno", "python", "python3", "sh", "bash", "npx", "env")
CODE = re.compile(r"-[a-z]*c|-e|-p|-pe|--eval|--print")


def is_program(argv: Sequence[str], names: Sequence[str], packages: Sequence[str] = ()) -> bool:
    """Whether the process is one of the programs, started directly or by an interpreter from one of the packages."""
    if not argv:
        return False
    first = program_name(argv[0])
    if first in names:
        return True
    if first.rstrip("0123456789.") not in INTERPRETERS:
        return False
    script = script_of(argv)
    return program_name(script) in names or any(package in script for package in packages)


def script_of(argv: Sequence[str]) -> str:
    """What an interpreter runs; "" where it was given code (``sh -c``, ``node -e``), whatever programs that names."""
    for word in argv[1:]:
        if not word.startswith("-"):
            return word
        if CODE.fullmatch(word):
            return ""
    return ""


def program_name(path: str) -> str:
    """``claude`` for ``/x/claude``, ``claude.exe``, ``claude.js``."""
    name = os.path.basename(path)
    for ending in (".exe", ".js", ".cjs", ".mjs", ".py"):
        name = name.removesuffix(ending)
    return name


def has_option(argv: Sequence[str], *options: str) -> bool:
    """Whether one of the options is given, as ``--option`` or ``--option=value``."""
    return any(word.partition("=")[0] in options for word in argv[1:])


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


def first_word(argv: Sequence[str]) -> str:
    """The first argument that is no option; "" when there is none. Options that take a value are not known here."""
    return next((word for word in argv[1:] if not word.startswith("-")), "")
