"""The first proxies by their old names, with their defaults: ``claudix2``, ``claudix3``, ``claudix4``, ``codexx4``.

All words of the command line go to the agent. ``python -m procy.stream.scripts NAME …`` is the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from procy.errors import ProcyError

if TYPE_CHECKING:
    from procy.stream.options import Options

NAMES = ("claudix2", "claudix3", "claudix4", "codexx4")


def options_of(name: str, words: Sequence[str]) -> Options:
    """What each of them is: 2 passes on, 3 mirrors the agent's words too, 4 mirrors first lines and can be restarted."""
    from procy.stream.agents import speaker
    from procy.stream.options import Options

    spoken = speaker("codex" if name == "codexx4" else "claude", words, seed=True)
    four = name.endswith("4")
    return Options(
        speaker=spoken,
        label=name,
        name=os.environ.get("PROCY_STREAM_NAME", ""),
        mirror="preview" if four else "text" if name == "claudix3" else "off",
        restartable=four,
        alias=four,
        inbox=os.environ.get("PROCY_STREAM_INBOX", ""),
    )


def main(name: str, words: Sequence[str]) -> int:
    from procy.places import find_places
    from procy.stream.run import run

    try:
        return run(options_of(name, words), find_places())
    except ProcyError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1


def claudix2() -> int:
    return main("claudix2", sys.argv[1:])


def claudix3() -> int:
    return main("claudix3", sys.argv[1:])


def claudix4() -> int:
    return main("claudix4", sys.argv[1:])


def codexx4() -> int:
    return main("codexx4", sys.argv[1:])


def install(folder: Path, complain: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Put an executable of each name into the folder. They run by whichever Python starts them, and become this one's."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in NAMES:
        path = folder / f"{name}.py"
        if path.exists() and "procy.stream.scripts" not in path.read_text(errors="replace"):
            kept = path.with_name(f"{path.name}.before-procy")
            complain(f"{path} was there before; it is {kept.name} now")
            path.rename(kept)
        path.write_text(
            "#!/usr/bin/env python3\n"
            f'"""{name} of procy; see `procy stream --help`."""\n\n'
            "import os\nimport sys\n\n"
            f"PYTHON = {sys.executable!r}\n"
            f'os.execv(PYTHON, [PYTHON, "-m", "procy.stream.scripts", "{name}", *sys.argv[1:]])\n'
        )
        path.chmod(0o755)
        written.append(path)
    return written


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in NAMES:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    print(f"usage: python -m procy.stream.scripts {'|'.join(NAMES)} …", file=sys.stderr)
    sys.exit(2)
