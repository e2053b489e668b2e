"""Which jobs of a list are wanted: the flags, and what they say to the server."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from genq.cli.examples import one_of

SomeLanes = Annotated[
    str | None, typer.Option("--lane", metavar="LANE", help="Such as turbo, or fast,relax.")
]
OfModel = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Those that it is to make.")
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="Those that carry it; may be repeated."),
]
ErrorCode = Annotated[
    str | None, typer.Option("--error-code", metavar="CODE", help="Those that ended with it.")
]
AttemptsMin = Annotated[
    int | None,
    typer.Option("--attempts-min", metavar="COUNT", min=0, help="Started at least as often."),
]
CreatedAfter = Annotated[
    str | None,
    typer.Option("--created-after", metavar="WHEN", help="At this instant or later."),
]
CreatedBefore = Annotated[
    str | None, typer.Option("--created-before", metavar="WHEN", help="Before this instant.")
]


def filter_of(**given: Any) -> dict[str, Any]:
    """Return what was given."""
    return {name: value for name, value in given.items() if value not in (None, [], {})}


def some_of(value: str | None, known: Sequence[str], option: str) -> list[str] | None:
    """Return the words that have commas between them, if each is known.

    Raises:
        typer.BadParameter: One is not; the closest known word is told.
    """
    if value is None:
        return None
    words = [word.strip() for word in value.split(",") if word.strip()]
    for word in words:
        one_of(word, known, option)
    return words or None
