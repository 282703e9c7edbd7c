"""The user's editor, on a text: ``$VISUAL``, ``$EDITOR``, else what is usual."""

from __future__ import annotations

import os
import shlex
import shutil

import click

from procy.errors import ProcyError

USUAL = ("sensible-editor", "vim", "nano", "vi")
REMEDY = "Set EDITOR to one that is there, as in EDITOR=nano"


def find_editor() -> str:
    """Its command line. Raises ProcyError where it is not installed, so that one can ask before anything else is done."""
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    found = chosen or next((name for name in USUAL if shutil.which(name)), "")
    if not found:
        raise ProcyError("there is no editor", REMEDY)
    try:
        program = shlex.split(found)[0]
    except (ValueError, IndexError):
        program = found
    if shutil.which(program) is None:
        raise ProcyError(f"the editor {program!r} is not installed", REMEDY)
    return found


def edit(text: str, require_save: bool = True) -> str | None:
    """What becomes of the text; None where it was left without saving, unless that is not required. Raises ProcyError."""
    editor = find_editor()
    try:
        return click.edit(text, editor=editor, extension=".md", require_save=require_save)
    except click.ClickException as error:
        raise ProcyError(f"the editor ended with an error: {error.message}", "Nothing was changed; try again") from error
