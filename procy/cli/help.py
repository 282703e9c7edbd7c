"""``procy help`` and ``procy completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("help")
@click.argument("command", nargs=-1)
@click.pass_context
def help_command(ctx: click.Context, command: tuple[str, ...]) -> None:
    """Show help, of procy or of one command."""
    found = ctx.parent
    assert found is not None
    for name in command:
        inner = found.command.get_command(found, name) if isinstance(found.command, click.Group) else None
        if inner is None:
            raise click.UsageError(f"no command {' '.join(command)!r}; see: procy help")
        found = click.Context(inner, info_name=name, parent=found)
    click.echo(found.get_help())


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
