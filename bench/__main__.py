"""``python -m bench [NAME …]``: run some figures, or all of them. Each is a module of this package with ``run()``."""

import sys
from importlib import import_module

FIGURES = (
    "echo",
    "output",
    "screen",
    "screens",
    "blocks",
    "commands",
    "attention",
    "pages",
    "scale",
    "replay",
    "status",
    "jsonl",
    "imports",
    "changes",
)
LONG = ("soak",)  # minutes, so only when it is named


def main() -> int:
    wanted = sys.argv[1:] or list(FIGURES)
    if unknown := [name for name in wanted if name not in (*FIGURES, *LONG)]:
        print(f"no figure {', '.join(unknown)}; there are: {', '.join((*FIGURES, *LONG))}", file=sys.stderr)
        return 2
    for name in wanted:
        import_module(f"bench.{name}").run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
