"""``procy eval``: the evaluator of a work tree. One file for each of its commands, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = ("set", "show", "run", "metrics", "doctor", "generate")


class EvalGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"procy.cli.eval_{cmd_name}"), f"{cmd_name}_command")
        return command


@click.group("eval", cls=EvalGroup)
def eval_command() -> None:
    """Judge a state of the code with an evaluator of yours.

    \b
    procy eval set bench.py              a script that prints its metrics as JSON
    procy eval set                       what .procy/eval.toml says
    procy eval generate "queries per second, and recall"
    procy eval run                       judge the work tree as it stands
    procy eval doctor                    how far its numbers can be trusted

    It runs in a clean checkout, from a copy that nobody can change. What fails has a status, and never a score.
    """
