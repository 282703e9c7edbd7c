"""What the documentation names that has to be there: commands, options, targets, modules, files, links, pages, keys.

``complaints(page)`` gives one line for each that is not. The program itself is asked, so nothing has to be kept in step by hand.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import click

from procy.cli import cli

ROOT = Path(__file__).resolve().parents[1]
GROUP = click.Context(cli, info_name="procy", terminal_width=100, max_content_width=100, **cli.context_settings)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")  # the target alone, so that a picture within a link is seen too
FOLDERS = ("bench", "datasette_plugins", "docs", "procy", "scripts", "tests", "train")  # a path that begins so is one of ours
PLACEHOLDER = re.compile(r"[A-Z…<>\[\]|*{}]")
FOREIGN = {  # options of other programs that the pages speak of
    "--settings", "--session-id", "--fork-session", "--continue", "--no-daemon", "--session", "--chat-history-file",
    "--restore-chat-history", "--replay-user-messages", "--llm-history-file", "--json-file", "--seeds",
}  # fmt: skip
EXAMPLES = {"bench/eval.py"}  # files of a reader's own that look like ours
THERE = re.compile(r"^\| there \|.*\n(?:\|.*\n)+", re.MULTILINE)  # a table of other programs' commands, and ours beside them
NOT_CHECKED = {"cli.md"}  # written from the program


def pages() -> list[Path]:
    top = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return top + sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name not in NOT_CHECKED)


def complaints(page: Path, text: str | None = None) -> Iterator[str]:
    """``text``: other than what the file holds, for tests."""
    text = page.read_text(encoding="utf-8") if text is None else text
    name = page.relative_to(ROOT)
    prose = THERE.sub(ours, FENCE.sub("", text))
    for what in (
        *wrong_links(page, prose), *wrong_lines(text), *wrong_spans(prose), *wrong_options(prose), *wrong_paths(prose),
        *wrong_sections(prose), *wrong_keys(prose),
    ):  # fmt: skip
        yield f"{name}: {what}"


def ours(table: re.Match[str]) -> str:
    """The table without its first column."""
    return re.sub(r"^\|[^|]*\|", "|", table[0], flags=re.MULTILINE)


# -- links --------------------------------------------------------------------------------------------------------------


def wrong_links(page: Path, prose: str) -> Iterator[str]:
    for target in LINK.findall(prose):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"no such file: {target}"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            yield f"no such heading: {target}"


@lru_cache
def anchors(page: Path) -> frozenset[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return frozenset(anchor_of(heading) for heading in headings)


def anchor_of(title: str) -> str:
    """What a heading is reached by."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


# -- commands -------------------------------------------------------------------------------------------------------------


def wrong_lines(text: str) -> Iterator[str]:
    """Lines of shell examples that the program would not take."""
    for kind, body in FENCE.findall(text):
        for line in body.splitlines() if kind == "sh" else ():
            for part in re.split(r"\s*(?:&&|\||;)\s*", line.partition(" #")[0]):
                yield from (f"{what}: {line.strip()}" for what in wrong_command(part))


def wrong_spans(prose: str) -> Iterator[str]:
    """Commands in the middle of a sentence."""
    for span in SPAN.findall(prose):
        if span.startswith(("procy ", "make ", "python -m ", "python3 -m ", ".venv/bin/python -m ")):
            yield from (f"{what}: `{span}`" for what in wrong_command(span))


def wrong_command(line: str) -> Iterator[str]:
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    while words and ("=" in words[0] or words[0] == "env"):
        words = words[1:]
    if words[:1] == ["procy"]:
        yield from wrong_words(words[1:])
    elif words[:1] == ["make"]:
        yield from (f"no such target as {word}" for word in words[1:] if "=" not in word and word not in targets())
    elif module := ran_module(words):
        yield from () if is_module(module) else (f"no such module as {module}",)


def wrong_words(words: list[str]) -> Iterator[str]:
    own = words[: words.index("--")] if "--" in words else words
    command: click.Command = cli
    taken = 0
    while isinstance(command, click.Group) and taken < len(own) and not own[taken].startswith("-"):
        found = command.get_command(GROUP, own[taken])
        if found is None:
            if PLACEHOLDER.search(own[taken]):  # any of them
                return
            if command is cli or not own[taken].isdigit():
                yield f"no such command as {own[taken]}"
                return
            found = command.get_command(GROUP, "run")  # `procy evolve 5`
            if found is None:
                break
            taken -= 1
        command, taken = found, taken + 1
    yield from (
        f"no such option as {word}"
        for word in own[taken:]
        if word.startswith("--") and word.strip("[]").split("=")[0] not in options_of(command)
    )


def options_of(command: click.Command) -> set[str]:
    given = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    if isinstance(command, click.Group) and (run := command.get_command(GROUP, "run")):
        given |= options_of(run)
    return given | {"--help", "-h", "--version"}


@lru_cache
def targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def ran_module(words: list[str]) -> str:
    """The module of ours that ``python -m`` is told to run; ""."""
    is_run = len(words) > 2 and Path(words[0]).name.startswith("python") and words[1] == "-m"
    return words[2] if is_run and words[2].split(".")[0] in FOLDERS else ""


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def wrong_options(prose: str) -> Iterator[str]:
    """Options by themselves: some command has to have them."""
    for span in SPAN.findall(prose):
        if re.fullmatch(r"--[a-z][a-z-]*(?:[ =].*)?", span):
            option = re.split(r"[ =]", span)[0]
            if option not in every_option() | FOREIGN:
                yield f"no command has the option {option}"


@lru_cache
def every_option() -> frozenset[str]:
    def of(command: click.Command) -> set[str]:
        found = options_of(command)
        for name in command.list_commands(GROUP) if isinstance(command, click.Group) else ():
            found |= of(command.get_command(GROUP, name) or command)
        return found

    return frozenset(of(cli))


# -- files, pages, keys ---------------------------------------------------------------------------------------------------


def wrong_paths(prose: str) -> Iterator[str]:
    for span in SPAN.findall(prose):
        if re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/[\w./-]+", span) and span not in EXAMPLES and not (ROOT / span).exists():
            yield f"no such file: {span}"


def wrong_sections(prose: str) -> Iterator[str]:
    """``the page **Evolve**``"""
    for name in re.findall(r"\b[Pp]age \*\*([A-Z]\w+)\*\*", prose):
        if name not in sections():
            yield f"no such page: {name}"


@lru_cache
def sections() -> frozenset[str]:
    text = (ROOT / "datasette_plugins" / "templates" / "sections.html").read_text(encoding="utf-8")
    return frozenset(re.findall(r'\("[^"]*", "(\w+)"\)', text))


def wrong_keys(prose: str) -> Iterator[str]:
    """``prefix + A`` and ``@procy-…``"""
    plugin = (ROOT / "procy.tmux").read_text(encoding="utf-8")
    bound = set(re.findall(r"^@procy-key-\w+ (\S)$", plugin, re.MULTILINE)) | {"?", "I"}  # those of tmux and of TPM
    for key in re.findall(r"`prefix \+ (\S)`", prose):
        if key not in bound:
            yield f"the plugin has no key prefix + {key}"
    known = set(re.findall(r"^@procy-[\w-]+", plugin, re.MULTILINE))
    for option in re.findall(r"`(@procy-[a-z-]+)`", prose):
        if option not in known:
            yield f"the plugin has no option {option}"
