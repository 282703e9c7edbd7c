"""The command prompt over a pane: one types what follows `procy`, or the seed's `!command`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

import click
from click.shell_completion import ShellComplete
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.styles import Style

from procy.parse.redact import mask
from procy.popups.pager import page

SEED = {  # what one typed after `!` in the seed: what it is called here
    ("estatus",): ("status",),
    ("evolve-status",): ("status",),
    ("reset-evolve",): ("evolve", "reset"),
    ("deploy",): ("serve",),
}
WHOLE_SCREEN = ("answer", "copy", "correct", "demo", "pick", "resume", "scrollback", "ui")
ASKING = ("eval", "evolve", "forget", "record", "replay")  # on the terminal itself, and the prompt comes again
STYLE = Style.from_dict({"prompt": "bold ansigreen", "bottom-toolbar": "noreverse ansibrightblack"})


class CommandError(Exception):
    """A line that is no command line; the text says why."""


def words_of(line: str) -> tuple[str, ...]:
    """The words after `procy`, quoted as in a shell. Raises CommandError for a quotation that does not end."""
    text = line.strip().removeprefix("!").removeprefix("procy ")
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise CommandError(f"{error}: end it with a quote, or write \\ before it") from error
    return translated(words)


def translated(words: Sequence[str]) -> tuple[str, ...]:
    for seed, ours in SEED.items():
        if tuple(words[: len(seed)]) == seed:
            return (*ours, *words[len(seed) :])
    return tuple(words)


class CommandCompleter(Completer):
    """What the shell completes: commands, options, handles."""

    def __init__(self, group: click.Group) -> None:
        self.complete = ShellComplete(group, {}, "procy", "_PROCY_COMPLETE")

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        text = document.text_before_cursor.lstrip().removeprefix("!")
        last = text.split(" ")[-1]
        try:
            words = translated(shlex.split(text[: len(text) - len(last)]))
        except ValueError:  # within a quotation
            return
        for item in self.complete.get_completions(list(words), last):
            if item.type == "plain":
                yield Completion(shlex.quote(item.value), start_position=-len(last), display_meta=item.help or "")


class CommandPrompt:
    """``environment`` is that of the commands: it names the pane they concern."""

    def __init__(self, group: click.Group, environment: Mapping[str, str], history: str) -> None:
        self.environment = environment
        self.session: PromptSession[str] = PromptSession(
            FormattedText([("class:prompt", "procy ")]),
            history=PrivateHistory(history),
            completer=CommandCompleter(group),
            complete_while_typing=False,
            key_bindings=keys(),
            style=STYLE,
            bottom_toolbar=" tab completes · enter runs · esc leaves",
        )
        self.session.app.ttimeoutlen = 0.05

    def run(self, line: str) -> None:
        """Ask and run, until nothing is typed or a full-screen command is over."""
        while text := self.ask(line):
            line = ""
            try:
                words = words_of(text)
            except CommandError as error:
                click.secho(str(error), fg="red")
                line = text  # to be mended
            else:
                if not words or self.is_last(words):
                    return

    def ask(self, line: str) -> str:
        try:
            return self.session.prompt(default=line).strip()
        except (EOFError, KeyboardInterrupt):
            return ""

    def is_last(self, words: Sequence[str]) -> bool:
        """Run a command; True when it had the screen for itself, so that there is nothing left to look at."""
        command = [sys.executable, "-m", "procy", *words]
        if words[0] in WHOLE_SCREEN and "--help" not in words:
            return subprocess.run(command, env=self.environment, check=False).returncode == 0
        if words[0] in ASKING:
            subprocess.run(command, env=self.environment, check=False)
            return False
        show(subprocess.run(
            command, env={**self.environment, "FORCE_COLOR": "1"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        ).stdout.decode("utf-8", "replace"))  # fmt: skip
        return False


def show(text: str) -> None:
    """In place where it fits, else in the pager."""
    if text.count("\n") > shutil.get_terminal_size().lines - 4:
        page([text], at_end=False)
    else:
        click.echo(text, nl=False, color=True)


class PrivateHistory(FileHistory):
    """Readable by its owner only, and without secrets."""

    def store_string(self, string: str) -> None:
        os.close(os.open(self.filename, os.O_WRONLY | os.O_CREAT, 0o600))
        super().store_string(mask(string))


def keys() -> KeyBindings:
    bindings = KeyBindings()
    bindings.add("escape", eager=True)(lambda event: event.app.exit(result=""))
    return bindings
