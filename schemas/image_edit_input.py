"""What a job asks that edits pictures: the parameters of ``POST /images/edits``."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, model_validator

from schemas.canvas import Canvas
from schemas.parameters import (
    Percent,
    PicturePrompt,
    Pictures,
    PictureSeed,
    Size,
    Word,
)
from schemas.shape import Shape

MAX_EDITED: Final = 16
"""Pictures that one edit may be given, as OpenAI's API has it."""

DATA: Final = "data:image/"
_DATA: Final = re.compile(r"data:image/(?:png|jpeg|webp|gif|avif);base64,[A-Za-z0-9+/]")
_STORED: Final = re.compile(
    r"file-[0-7][0-9a-z]{25}|job_[0-7][0-9a-z]{25}/(?:0|[1-9]\d{0,2})", re.ASCII
)
_REMOTE: Final = re.compile(r"https?://", re.IGNORECASE)


def _reference(text: str) -> str:
    if not (_DATA.match(text) or _STORED.fullmatch(text) or _REMOTE.match(text)):
        raise ValueError(
            "must be data:image/png;base64,… (or jpeg, webp, gif, avif), an https URL, the id "
            "of a file (file-…), or a picture that a job made (job_…/0)"
        )
    return text


PictureReference = Annotated[str, AfterValidator(_reference)]
"""A picture, or where it lies: a data URL, an https URL, ``file-…``, ``job_…/0``."""


class ImageEditInput(Shape):
    """The parameters of ``POST /images/edits``; pictures are named or stand in the JSON.

    ``canvas`` is genq's: the first picture is laid on it, and the model paints around it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: PicturePrompt
    images: Annotated[list[PictureReference], Field(min_length=1, max_length=MAX_EDITED)]
    mask: PictureReference | None = None
    n: Pictures = 1
    size: Size | None = None
    seed: PictureSeed | None = None
    quality: Word | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    input_fidelity: Literal["high", "low"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Percent | None = None
    canvas: Canvas | None = None
    extra_body: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _one_mask(self) -> Self:
        if self.canvas is not None and self.mask is not None:
            raise ValueError("send mask or canvas: of a canvas genq makes the mask itself")
        return self
