"""`romana completion SHELL`: the script that a shell evaluates."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from romana.apps.cli.framework import Command


@click.command("completion", cls=Command, store=False)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes `romana` in SHELL.

    \b
        source <(romana completion bash)
        romana completion zsh > ~/.zfunc/_romana
        romana completion fish > ~/.config/fish/completions/romana.fish
    """
    from romana.apps.cli.main import romana

    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(romana, {}, "romana", "_ROMANA_COMPLETE").source())
