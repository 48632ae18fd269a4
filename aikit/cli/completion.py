"""
``aikit completion``: what a shell needs to complete commands, options, purposes and provider names.
"""

from __future__ import annotations

import sys
from typing import Final

import click
from click.shell_completion import get_completion_class

from aikit.cli.options import Command
from aikit.cli.output import Exit

PROGRAM: Final = "aikit"
VARIABLE: Final = "_AIKIT_COMPLETE"


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """
    Print what makes a shell complete aikit's words.

    \b
    bash:  eval "$(aikit completion bash)"      in ~/.bashrc
    zsh:   eval "$(aikit completion zsh)"       in ~/.zshrc, after compinit
    fish:  aikit completion fish | source       in ~/.config/fish/config.fish
    """  # noqa: D301  \b is click's mark for lines that stay as they are
    complete = get_completion_class(shell)
    if complete is None:
        raise click.UsageError(f"no completion for {shell}")
    sys.stdout.write(complete(ctx.find_root().command, {}, PROGRAM, VARIABLE).source() + "\n")
    return Exit.DONE
