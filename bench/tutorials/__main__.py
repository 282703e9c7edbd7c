"""``python -m bench.tutorials NAME DIR``: begin a tutorial in a new directory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.tutorials import FILES, begin, page_of, scripted
from procy.errors import ProcyError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.tutorials", description="Begin a tutorial in a new directory.")
    parser.add_argument("name", choices=list(FILES))
    parser.add_argument("dir", type=Path, help="that does not exist yet, or is empty")
    given = parser.parse_args()
    folder = given.dir.expanduser()
    try:
        begin(given.name, folder)
    except ProcyError as error:
        print(f"procy: {error.what} → {error.remedy}", file=sys.stderr)
        return 1
    print(f"{folder} has the start; how to go on: {page_of(given.name)}", file=sys.stderr)
    print("The scripted agent, in place of yours:\n", file=sys.stderr)
    print(scripted(given.name, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
