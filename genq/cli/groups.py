"""How commands are put into the tree: each with an example, --quiet and --no-color."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final

import typer

from genq.cli import options, processes, screen
from genq.cli.examples import command_with, group_with

SETTINGS: Final[Mapping[str, Any]] = {"help_option_names": ["-h", "--help"]}


def group(purpose: str, *examples: str, order: Sequence[str] = ()) -> typer.Typer:
    """Return a group of commands; alone, it prints its help.

    Args:
        purpose: What its commands are for.
        examples: Command lines that its help begins with.
        order: Commands that its help lists first.
    """
    app = typer.Typer(
        cls=group_with(*examples, order=order),
        help=purpose,
        add_completion=False,
        context_settings=dict(SETTINGS),
        pretty_exceptions_enable=False,
        # Plain help: a terminal, a pipe and a screen reader show the same, at once.
        rich_markup_mode=None,
        invoke_without_command=True,
    )

    @app.callback()
    def show_help(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            screen.print_data(context.get_help())

    show_help.__doc__ = purpose
    return app


def add(
    app: typer.Typer,
    name: str,
    command: Callable[..., None],
    *examples: str,
    also: Sequence[str] = (),
) -> None:
    """Add a command.

    Args:
        app: The group.
        name: How it is called.
        command: What it does.
        examples: Command lines that its help begins with.
        also: Other names, which help does not list.
    """
    told = _with_manners(command)
    app.command(name, cls=command_with(*examples))(told)
    for other in also:
        app.command(other, cls=command_with(*examples), hidden=True)(told)


def pass_on(app: typer.Typer, name: str, command: Callable[..., None], *examples: str) -> None:
    """Add a command whose arguments another process reads."""
    settings = {**SETTINGS, **processes.PASS_ON}
    app.command(name, cls=command_with(*examples), context_settings=settings)(command)


def _with_manners(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with the flags that every command has."""
    flags = {"quiet": options.Quiet, "no_color": options.NoColor}

    @wraps(command)
    def run(*arguments: Any, quiet: bool, no_color: bool, **given: Any) -> None:
        screen.behave(quiet=quiet, no_color=no_color)
        command(*arguments, **given)

    signature = inspect.signature(command)
    more = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation
        )
        for name, annotation in flags.items()
    ]
    # Typer reads the names and the types of what it calls.
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *more])  # pyright: ignore[reportAttributeAccessIssue] - functions take attributes
    run.__annotations__ = {**command.__annotations__, **flags}
    return run
