"""Texts with places in them that a job's parameters fill: ``{prompt}``, ``{images[0]}``.

A place is a name and the way from there; there is nothing else to a template, no condition and
no code. ``{{`` and ``}}`` stand for braces.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pydantic import JsonValue

_PIECE: Final = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STEP: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[(-?[0-9]{1,4})\]")


@dataclass(frozen=True, slots=True)
class Place:
    """A placeholder: a parameter, and the way to what is in it.

    Attributes:
        name: Of the parameter.
        steps: Members and indices, from the outside in.
    """

    name: str
    steps: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        way = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in self.steps)
        return f"{{{self.name}{way}}}"


Template = tuple[str | Place, ...]
"""The pieces of a text, in their order."""


# Templates are as many as the settings name.
@lru_cache(4_096)
def template_of(text: str) -> Template:
    """Return the pieces of ``text``.

    Raises:
        ValueError: A brace stands alone, or what is in braces is no place.
    """
    pieces: list[str | Place] = []
    for piece in _PIECE.findall(text):
        if piece in {"{{", "}}"}:
            pieces.append(piece[0])
        elif piece in {"{", "}"}:
            raise ValueError(f"{piece} stands alone: write {piece * 2} for a brace")
        elif piece.startswith("{"):
            pieces.append(_place(piece[1:-1]))
        else:
            pieces.append(piece)
    return tuple(pieces)


def places_in(value: JsonValue) -> Iterator[Place]:
    """Yield every place in the texts of ``value``; names of members are no templates.

    Raises:
        ValueError: See ``template_of``.
    """
    if isinstance(value, str):
        yield from (piece for piece in template_of(value) if isinstance(piece, Place))
    elif isinstance(value, list):
        for item in value:
            yield from places_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from places_in(item)


def _place(text: str) -> Place:
    name = _NAME.match(text)
    steps: list[str | int] = []
    at = name.end() if name else 0
    while name and at < len(text) and (step := _STEP.match(text, at)):
        steps.append(step[1] or int(step[2]))
        at = step.end()
    if name is None or at < len(text):
        raise ValueError(
            f"{{{text}}} is no placeholder: write {{name}}, {{name[0]}} or {{name.member}}"
        )
    return Place(name[0], tuple(steps))
