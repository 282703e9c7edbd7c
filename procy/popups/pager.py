"""Long text on a terminal: through the user's pager."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress


def page(parts: Iterable[str], at_end: bool) -> None:
    """Show text with colours; ``at_end`` begins at its end. Without a pager it is printed.

    ``$PAGER`` is asked first; ``LESS`` keeps what the user wants and adds colours (-R).
    """
    try:
        command = shlex.split(os.environ.get("PAGER") or "") or ["less"]
    except ValueError:  # a quote too many
        command = ["less"]
    if not shutil.which(command[0]):
        sys.stdout.writelines(parts)
        return
    wanted = f"{os.environ.get('LESS', '')} -R {'+G' if at_end else ''}".strip()
    pager = subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "LESS": wanted})
    assert pager.stdin is not None
    with suppress(BrokenPipeError), pager.stdin:  # the reader has seen enough
        for part in parts:
            pager.stdin.write(part.encode("utf-8", "replace"))
    while pager.returncode is None:
        with suppress(KeyboardInterrupt):  # the pager's own key: it ends a search
            pager.wait()
