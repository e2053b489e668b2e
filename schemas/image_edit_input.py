"""What a job asks that edits pictures: the parameters of ``POST /images/edits``."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue

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
_DATA: Final = re.compile(r"data:image/(?:png|jpeg|webp);base64,[A-Za-z0-9+/]")
_STORED: Final = re.compile(
    r"file-[0-7][0-9a-z]{25}|job_[0-7][0-9a-z]{25}/(?:0|[1-9]\d{0,2})", re.ASCII
)


def _reference(text: str) -> str:
    if not _DATA.match(text) and not _STORED.fullmatch(text):
        raise ValueError(
            "must be data:image/png;base64,… (or jpeg, webp), the id of a file (file-…), "
            "or a picture that a job made (job_…/0)"
        )
    return text


PictureReference = Annotated[str, AfterValidator(_reference)]
"""A picture, or where it lies: a data URL, ``file-…``, ``job_…/0``."""


class ImageEditInput(Shape):
    """The parameters of ``POST /images/edits``; pictures are named or stand in the JSON."""

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
    extra_body: dict[str, JsonValue] | None = None
