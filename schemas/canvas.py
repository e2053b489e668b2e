"""A picture laid on a larger canvas, the rest of which a model is to paint."""

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.shape import Shape

MAX_SIDE: Final = 9_999
MAX_PIXELS: Final = 16_777_216
"""Of a canvas: 4096 by 4096."""

_Side = Annotated[int, Field(ge=1, le=MAX_SIDE, strict=True)]
_Offset = Annotated[int, Field(ge=0, le=MAX_SIDE, strict=True)]


class Canvas(Shape):
    """Where the first picture of an edit lies: genq lays it out and makes the mask.

    All in pixels: the canvas, the upper left corner of the picture on it, and the picture,
    which is enlarged or reduced to that. What lies around it is open to the model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: _Side
    height: _Side
    x: _Offset
    y: _Offset
    picture_width: _Side
    picture_height: _Side

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width * self.height > MAX_PIXELS:
            raise ValueError(f"must not have more than {MAX_PIXELS} pixels")
        across, down = self.x + self.picture_width, self.y + self.picture_height
        if across > self.width or down > self.height:
            raise ValueError("the picture must lie on the canvas, wholly")
        if self.picture_width * self.picture_height == self.width * self.height:
            raise ValueError("the picture leaves nothing of the canvas open")
        return self

    @property
    def size(self) -> str:
        """The size of the canvas, as models are asked for it."""
        return f"{self.width}x{self.height}"
