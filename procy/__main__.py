"""The ``procy`` command. ``procy status`` skips the command line library, because scripts call it often."""

import sys


def main() -> int:
    if sys.argv[1:] in (["status"], ["status", "--json"], ["status", "--line"]):
        from procy.cli.quick_status import print_status

        return print_status(sys.argv[2] if len(sys.argv) > 2 else "")
    from procy.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
