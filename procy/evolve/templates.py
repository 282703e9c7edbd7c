"""The prompts that procy writes, as jinja files: procy's own, or the user's of the same name.

Looked for, in this order: ``.procy/prompts`` of the user's work tree, ``[evolve] prompts``, ``prompts`` beside the settings file,
``procy/evolve/prompts``. A file of the user's can build on procy's: ``{% extends "procy/model_user.jinja" %}``. They run in
jinja's sandbox, and a name that is not known is an error.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from procy.errors import ConfigError
from procy.evolve.context import context_of
from procy.evolve.words import shorten
from procy.places import Places
from procy.settings import Settings
from procy.tries import Brief

OWN = Path(__file__).parent / "prompts"
ACCOUNT = 1500  # characters
MISTAKES = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError, OSError)


class Templates:
    """Renders templates of the first of the ``folders`` that has them, else procy's."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        own = FileSystemLoader(OWN)
        self.environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([FileSystemLoader(list(folders)), own, PrefixLoader({"procy": own})]),
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=True,
        )  # fmt: skip

    def render(self, name: str, **values: Any) -> str:
        """Raises ConfigError naming file and line of what is wrong with a template."""
        try:
            return self.environment.get_template(name).render(values).strip()
        except MISTAKES as error:
            file, line = place_of(error, name)
            what = str(error).partition("\n")[0] or type(error).__name__
            remedy = "Correct it; `context` is what a template is given (docs/evolve.md)"
            raise ConfigError(f"template {file}, line {line}: {what}" if line else f"template {file}: {what}", remedy) from error

    def render_brief(self, name: str, brief: Brief, characters: int) -> str:
        """A template about a brief, ``characters`` long at most: the less there is room for, the less it is told."""
        room, text = characters, ""
        for _ in range(8):
            context = context_of(brief, room)
            text = self.render(name, context=context)
            if len(text) <= characters or room == 0:
                break
            room = max(0, min(room, context.characters) - (len(text) - characters))
        return shorten(text, characters)

    def account(self, brief: Brief) -> str:
        """What was kept and reverted, for an agent whose conversation does not know it: to go before the prompt."""
        return self.render_brief("account.jinja", brief, ACCOUNT)


def templates_of(places: Places, settings: Settings, root: str) -> Templates:
    """``root``: the user's work tree, never a lane's, where an agent could write what it is prompted with."""
    folders = [
        os.path.join(root, ".procy", "prompts"),
        settings.evolve.prompts,
        os.path.join(os.path.dirname(places.config), "prompts"),
    ]
    return Templates([Path(folder) for folder in folders if folder])


def place_of(error: BaseException, name: str) -> tuple[str, int]:
    """File and line in which a template went wrong; line 0 where that cannot be said."""
    if isinstance(error, TemplateSyntaxError):
        return error.filename or error.name or name, error.lineno
    trace: TracebackType | None = error.__traceback__
    found = (name, 0)
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(".jinja"):
            found = (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found
