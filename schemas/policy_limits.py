"""What a policy lets in at all: sizes, before anything is looked at."""

from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.shape import Shape

_Characters = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class Limits(Shape):
    """The largest that is judged; what is larger is refused, by the rule's name.

    Attributes:
        prompt_chars: Characters of a prompt.
        prompt_tokens: Tokens of it, as the classifier counts them.
        negative_chars: Characters of a negative prompt.
        image_mb: Millions of bytes of a picture.
        image_mpx: Millions of its pixels, before it is unpacked.
        max_windows: Of a long text, how many windows are scored; beyond, coverage is partial.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt_chars: _Characters = 8_000
    prompt_tokens: _Characters = 2_000
    negative_chars: _Characters = 2_000
    image_mb: Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)] = 20
    image_mpx: Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)] = 40
    max_windows: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 64

    def smaller(self, other: "Limits") -> "Limits":
        """Return of each limit the smaller one."""
        mine, theirs = self.model_dump(), other.model_dump()
        return Limits(**{name: min(mine[name], theirs[name]) for name in mine})
