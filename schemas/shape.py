"""What shapes that cross a border have in common: they are built when they are first used."""

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A shape on the wire, of which pydantic makes a validator when it first needs one.

    To make all of them takes a process a quarter of its start, and most meet a few of them.
    """

    model_config = ConfigDict(defer_build=True)
