"""The command line: one group, one file a noun. Only what a command needs is imported."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from procy.errors import ProcyError

COMMANDS = {  # command: module of this package
    "record": "record",
    "pause": "record",
    "send": "send",
    "answer": "answer",
    "correct": "correct",
    "eval": "eval",
    "evolve": "evolve",
    "replay": "replay",
    "serve": "serve",
    "compare": "compare",
    "stream": "stream",
    "stop": "record",
    "resume": "resume",
    "status": "status",
    "next": "next",
    "sessions": "sessions",
    "show": "show",
    "restore": "restore",
    "history": "history",
    "search": "search",
    "open": "ui",
    "pick": "pick",
    "copy": "copy",
    "scrollback": "scrollback",
    "summary": "summary",
    "prompt": "prompt",
    "tmux": "tmux",
    "gateway": "gateway",
    "export": "export",
    "import": "imports",
    "train": "train",
    "cron": "cron",
    "rebuild": "rebuild",
    "plugin": "plugin",
    "forget": "forget",
    "redact": "redact",
    "prune": "prune",
    "doctor": "doctor",
    "ui": "ui",
    "demo": "demo",
    "help": "help",
    "completion": "help",
}
UNLISTED = {"host": "host"}  # for programs


class LazyGroup(click.Group):
    """Imports a command's module when the command is asked for, so that each starts as fast as it can."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name) or UNLISTED.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(f"procy.cli.{module}"), f"{cmd_name}_command")
        return command


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--agent", metavar="COMMAND", help="Agent to start instead of the configured one.")
@click.option("--cwd", type=click.Path(exists=True, file_okay=False), help="Directory to start it in.")
@click.option("--no-ui", is_flag=True, help="Do not bring the pages up.")
@click.option("--ui-port", type=int, help="Port of the pages (default 7862).")
@click.version_option(package_name="procy")
@click.pass_context
def cli(ctx: click.Context, agent: str | None, cwd: str | None, no_ui: bool, ui_port: int | None) -> None:
    """Record coding agents in tmux panes, and look at what they did.

    Without a command: start the configured agent in a recorded pane, with the pages up.
    """
    if ctx.invoked_subcommand is None:
        from procy.cli.record import start_configured

        start_configured(agent, cwd, ui=not no_ui, ui_port=ui_port)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; every error that a user can mend ends here, as one line."""
    try:
        color = True if os.environ.get("FORCE_COLOR") else None  # for a program that shows what this one prints
        result: Any = cli.main(args=arguments, prog_name="procy", standalone_mode=False, color=color)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return 2 if isinstance(error, click.UsageError) else error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except ProcyError as error:
        from procy.ui.words import printable

        print(f"procy: {printable(str(error))}", file=sys.stderr)  # it may hold words of an agent
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 0
