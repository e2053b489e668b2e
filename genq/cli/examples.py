"""Help that begins with an example, and values that are forgiven a typing mistake."""

import difflib
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


def command_with(*examples: str) -> type[TyperCommand]:
    """Return a command class whose --help begins with ``examples``."""

    class ExampleCommand(TyperCommand):
        def get_help(self, ctx: Any) -> str:
            return _lead(examples) + super().get_help(ctx)

        def invoke(self, ctx: Any) -> Any:
            try:
                return super().invoke(ctx)
            except typer.BadParameter as error:
                # Raised by the command itself, it does not know whose usage is wrong.
                error.ctx = error.ctx or ctx
                raise

    return ExampleCommand


def group_with(*examples: str, order: Sequence[str] = ()) -> type[TyperGroup]:
    """Return a group class whose --help begins with ``examples`` and lists ``order`` first."""

    class ExampleGroup(TyperGroup):
        def get_help(self, ctx: Any) -> str:
            return _lead(examples) + super().get_help(ctx)

        def list_commands(self, ctx: Any) -> list[str]:
            rest = [name for name in super().list_commands(ctx) if name not in order]
            return [*order, *rest]

    return ExampleGroup


def one_of(value: str | None, known: Sequence[str], option: str) -> str | None:
    """Return ``value`` if it is known.

    Raises:
        typer.BadParameter: It is not; the closest known value is named.
    """
    if value is None or value in known:
        return value
    close = difflib.get_close_matches(value.lower(), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}."
    raise typer.BadParameter(f"{value!r} is not known; {hint}", param_hint=option)


def _lead(examples: Sequence[str]) -> str:
    title = "Example:" if len(examples) == 1 else "Examples:"
    return "\n".join([title, *(f"  {line}" for line in examples)]) + "\n\n"
