"""Endpoints are named by people: commands take the name, or the id."""

import difflib
import re
from typing import Annotated, Final

import typer

from genq.cli.schedule_names import UnknownNameError
from genq.client import Genq

Named = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Its name, or whe_….")]

_ID: Final = re.compile(r"whe_[0-7][0-9a-hjkmnp-tv-z]{25}")
_PAGE: Final = 200


def endpoint_id_of(client: Genq, named: str) -> str:
    """Return the id of the endpoint that is called ``named``, or that has it as its id.

    Raises:
        UnknownNameError: There is none; the closest name is told.
        typer.BadParameter: Several have this name; their ids are told.
    """
    if _ID.fullmatch(named):
        return named
    endpoints = list(client.webhooks.endpoints.list(limit=_PAGE))
    ids = [endpoint.id for endpoint in endpoints if endpoint.name == named]
    if len(ids) > 1:
        raise typer.BadParameter(
            f"{len(ids)} endpoints are called {named!r}; say which: {', '.join(ids)}",
            param_hint="ENDPOINT",
        )
    if ids:
        return ids[0]
    close = difflib.get_close_matches(named, [each.name for each in endpoints], n=1)
    hint = f"did you mean {close[0]}?" if close else "genq webhook endpoints ls shows them"
    raise UnknownNameError(f"there is no endpoint {named!r}; {hint}")
