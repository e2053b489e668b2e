"""Words that model servers carry and that jobs insist on, such as ``private``."""

from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field

from schemas.shape import Shape

MOST_TAGS: Final = 8


def _once(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))


Tag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.:-]{0,62}$")]
Tags = Annotated[tuple[Tag, ...], Field(max_length=MOST_TAGS), AfterValidator(_once)]


class Requires(Shape):
    """What a job insists on.

    Attributes:
        tags: It runs on model servers that carry all of these, and on no other, whatever
            fails: it waits for one of them, or fails.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tags: Tags = ()
