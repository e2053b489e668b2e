"""Where in an answer something stands: an RFC 6901 pointer, or a plain path.

``/data/0/url`` is a pointer, and so is the empty text, the whole answer. ``data[0].url`` and
``data[*].url`` are paths; ``[*]`` means every item.
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Final

from pydantic import AfterValidator, Field, JsonValue

_STEP: Final = re.compile(r"\.?([A-Za-z0-9_$@-]+)|\[(-?[0-9]{1,6}|\*)\]")
_INDEX: Final = re.compile(r"0|-?[1-9][0-9]{0,6}")
_ESCAPE: Final = re.compile(r"~(?![01])")


class Each(Enum):
    """The step to every item of a list."""

    EACH = "*"


Step = str | Each
Steps = tuple[Step, ...]


def steps_of(path: str) -> Steps:
    """Return the steps of a pointer or path.

    Raises:
        ValueError: It is neither.
    """
    if not path:
        return ()
    if path.startswith("/"):
        if _ESCAPE.search(path):
            raise ValueError(f"{path} is no JSON pointer: ~ is written ~0, and / is written ~1")
        return tuple(s.replace("~1", "/").replace("~0", "~") for s in path[1:].split("/"))
    steps: list[Step] = []
    at = 0
    while at < len(path) and (step := _STEP.match(path, at)):
        if at == 0 and path[0] == ".":
            break
        if at and step[1] and path[at] != ".":
            break
        steps.append(Each.EACH if step[2] == "*" else step[1] or step[2])
        at = step.end()
    if at < len(path):
        raise ValueError(f"{path} is neither a pointer (/data/0/url) nor a path (data[*].url)")
    return tuple(steps)


def found_at(value: JsonValue, steps: Iterable[Step]) -> list[JsonValue]:
    """Return what stands there, in order; nothing where a step leads nowhere."""
    here = [value]
    for step in steps:
        here = [inner for one in here for inner in _within(one, step)]
    return here


def first_at(value: JsonValue, steps: Iterable[Step] | None) -> JsonValue:
    """Return the first of what stands there; ``None`` if there is nothing."""
    return next(iter(found_at(value, steps)), None) if steps is not None else None


def _within(value: JsonValue, step: Step) -> list[JsonValue]:
    if isinstance(value, dict):
        return [value[step]] if isinstance(step, str) and step in value else []
    if not isinstance(value, list):
        return []
    if isinstance(step, Each):
        return value
    if not _INDEX.fullmatch(step):
        return []
    index = int(step)
    return [value[index]] if -len(value) <= index < len(value) else []


def _path(text: str) -> str:
    steps_of(text)
    return text


JsonPath = Annotated[str, Field(max_length=512), AfterValidator(_path)]
"""A pointer or path, as configured."""
