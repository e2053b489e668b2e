"""Schedules are named by people: commands take the name, or the id."""

import difflib
import re
from typing import Annotated, Final

import typer

from genq.client import Genq
from genq.errors import GenqError

Named = Annotated[str, typer.Argument(metavar="NAME", help="Of the schedule, or sched_….")]

_ID: Final = re.compile(r"sched_[0-7][0-9a-hjkmnp-tv-z]{25}")


class UnknownNameError(GenqError):
    """There is nothing of this name."""


def id_of(client: Genq, named: str) -> str:
    """Return the id of the schedule that is called ``named``, or that has it as its id.

    Raises:
        UnknownNameError: There is none; the closest name is told.
    """
    if _ID.fullmatch(named):
        return named
    found = {schedule.name: schedule.id for schedule in client.schedules.list()}
    if named in found:
        return found[named]
    close = difflib.get_close_matches(named, found, n=1)
    hint = f"did you mean {close[0]}?" if close else "genq schedules ls shows them"
    raise UnknownNameError(f"there is no schedule {named!r}; {hint}")
