"""`genq completion`: what a shell has to know to complete our commands and flags."""

from typing import Annotated, Final

import typer
from typer.completion import (
    completion_init,  # pyright: ignore[reportPrivateImportUsage] - Typer tells of no other way
    get_completion_script,  # pyright: ignore[reportPrivateImportUsage] - nor of one for this
)

from genq.cli import environment
from genq.cli.examples import one_of
from genq.cli.screen import print_data

SHELLS: Final = ("bash", "zsh", "fish")

Shell = Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]


def completion(shell: Shell) -> None:
    """Print the script that completes genq's commands and flags in your shell.

    bash: add `eval "$(genq completion bash)"` to ~/.bashrc; zsh: the same in ~/.zshrc, after
    compinit; fish: genq completion fish > ~/.config/fish/completions/genq.fish
    """
    one_of(shell, SHELLS, "SHELL")
    print_data(
        get_completion_script(
            prog_name="genq", complete_var=environment.COMPLETION, shell=shell
        )
    )


def prepare() -> None:
    """Let a shell that asks for completions be answered."""
    if environment.given(environment.COMPLETION):
        completion_init()
