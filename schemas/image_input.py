"""What an image job asks of a model: the parameters of ``POST /images/generations``."""

from typing import Literal

from pydantic import ConfigDict, JsonValue

from schemas.parameters import (
    Percent,
    PicturePrompt,
    Pictures,
    PictureSeed,
    Size,
    Word,
)
from schemas.shape import Shape


class ImageInput(Shape):
    """The parameters of ``POST /images/generations``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: PicturePrompt
    n: Pictures = 1
    size: Size | None = None
    seed: PictureSeed | None = None
    quality: Word | None = None
    style: Word | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    moderation: Literal["low", "auto"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Percent | None = None
    extra_body: dict[str, JsonValue] | None = None
