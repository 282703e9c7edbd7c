"""Which file of the work tree a command runs: that one is the evaluator's own."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

RUN_FILES = ("python", "pypy", "bash", "sh", "dash", "zsh", "node", "deno", "bun", "ruby", "perl", "php", "lua", "Rscript",
             "julia", "pytest")  # fmt: skip
BEFORE = ("env", "nice", "time", "timeout", "stdbuf", "exec", "uv", "run", "poetry")
ENDS = (";", "&", "&&", "|", "||", "(", ")", "\n")


def files_run(command: Sequence[str], folder: Path) -> tuple[str, ...]:
    """The files below ``folder`` that are run by it, relative to that: programs, scripts of an interpreter, ``-m`` modules."""
    if len(command) == 3 and command[:2] == ("/bin/sh", "-c"):
        found = [name for simple in simple_commands(command[2]) for name in of_simple(simple, folder)]
    else:
        found = [*of_simple(list(command), folder)]
    return tuple(dict.fromkeys(found))


def simple_commands(line: str) -> Iterator[list[str]]:
    """The commands of a line of sh, as words; nothing of what cannot be read."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    simple: list[str] = []
    try:
        for word in lexer:
            if word in ENDS:
                yield simple
                simple = []
            else:
                simple.append(word)
    except ValueError:
        return
    yield simple


def of_simple(words: list[str], folder: Path) -> Iterator[str]:
    words = [*words]
    while words and ("=" in words[0].split("/")[0] or words[0] in BEFORE or words[0].startswith("-") or words[0].isdigit()):
        words.pop(0)
    if not words:
        return
    if name := below(words[0], folder):
        yield name
    elif Path(words[0]).name.rstrip("0123456789.") in RUN_FILES:
        yield from script_of(words[1:], folder)


def script_of(words: list[str], folder: Path) -> Iterator[str]:
    """The first word that is a file; of ``-m NAME`` the module's."""
    for place, word in enumerate(words):
        if word == "-m" and place + 1 < len(words):
            module = words[place + 1].replace(".", "/")
            found = [name for path in (f"{module}.py", f"{module}/__main__.py") if (name := below(path, folder))]
            if found:
                yield found[0]
                return
        elif not word.startswith("-") and (name := below(word.partition("::")[0], folder)):
            yield name
            return


def below(name: str, folder: Path) -> str:
    """The file's path relative to the folder; "" where there is no such file in it."""
    path = Path(os.path.normpath(folder / name))
    try:
        path.resolve().relative_to(folder.resolve())
        return path.relative_to(folder).as_posix() if path.is_file() else ""
    except (ValueError, OSError):
        return ""
