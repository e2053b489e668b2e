"""Parameters that several kinds of jobs have in common."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

MAX_PROMPT_CHARACTERS: Final = 32_000
LEAST_SIDE: Final = 10
"""Of the size that a picture is asked for, in pixels."""
MAX_IMAGES: Final = 10
MAX_CHOICES: Final = 8


def _size(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d{1,3}x[1-9]\d{1,3}|auto", text, re.ASCII):
        raise ValueError("must be WIDTHxHEIGHT in pixels, such as 1024x768, or auto")
    return text


Size = Annotated[str, AfterValidator(_size)]
"""Of a picture."""
Percent = Annotated[int, Field(ge=0, le=100, strict=True)]
PicturePrompt = Annotated[str, Field(min_length=1, max_length=MAX_PROMPT_CHARACTERS)]
Pictures = Annotated[int, Field(ge=1, le=MAX_IMAGES, strict=True)]
PictureSeed = Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)]

Choices = Annotated[int, Field(ge=1, le=MAX_CHOICES, strict=True)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Probability = Annotated[float, Field(ge=0, le=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Tokens = Annotated[int, Field(ge=1, strict=True)]
TextSeed = Annotated[int, Field(ge=-(2**63), le=2**63 - 1, strict=True)]
Stops = str | Annotated[list[str], Field(max_length=4)]
Word = Annotated[str, Field(max_length=32)]
