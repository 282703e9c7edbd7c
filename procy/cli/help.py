"""``procy help`` and ``procy completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("help")
@click.argument("command", required=False)
@click.pass_context
def help_command(ctx: click.Context, command: str | None) -> None:
    """Show help, of procy or of one command."""
    parent = ctx.parent
    assert parent is not None and isinstance(parent.command, click.Group)
    if command is None:
        click.echo(parent.get_help())
        return
    found = parent.command.get_command(parent, command)
    if found is None:
        raise click.UsageError(f"no command {command!r}; see: procy help")
    click.echo(found.get_help(click.Context(found, info_name=f"procy {command}")))


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: eval "$(procy completion bash)"     in ~/.bashrc
    zsh:  eval "$(procy completion zsh)"      in ~/.zshrc
    fish: procy completion fish | source      in config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None and ctx.parent is not None
    click.echo(kind(ctx.parent.command, {}, "procy", "_PROCY_COMPLETE").source())
