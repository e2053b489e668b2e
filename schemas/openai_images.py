"""OpenAI's bodies of pictures, as the OpenAPI document tells of them; it checks nothing."""

from typing import Literal

from pydantic import ConfigDict, Field

from schemas.image_edit_input import MAX_EDITED
from schemas.openai_calls import CallRequest, JobFacts
from schemas.shape import Shape

_Format = Literal["png", "jpeg", "webp"]
_Form = Literal["url", "b64_json"]
_ANSWERED: str = (
    "how pictures are answered; without it calls get both, lines of batches url alone"
)


class ImageGenerationRequest(CallRequest):
    """The body of ``POST /v1/images/generations``; ``ImageInput`` has all parameters."""

    prompt: str = Field(min_length=1)
    n: int = Field(1, ge=1, le=10)
    size: str | None = Field(None, description="WIDTHxHEIGHT, or auto")
    quality: str | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    moderation: Literal["low", "auto"] | None = None
    output_format: _Format | None = None
    response_format: _Form | None = Field(None, description=_ANSWERED)


class PictureReferenceBody(Shape):
    """A picture in JSON: one of the two."""

    image_url: str | None = Field(None, description="https://… or data:image/png;base64,…")
    file_id: str | None = Field(None, description="of POST /v1/files, file-…")


class ImageEditRequest(CallRequest):
    """The body of ``POST /v1/images/edits`` in JSON; ``ImageEditInput`` has all parameters."""

    prompt: str = Field(min_length=1)
    images: list[PictureReferenceBody | str] = Field(min_length=1, max_length=MAX_EDITED)
    mask: PictureReferenceBody | str | None = Field(
        None, description="a PNG file of the first picture's size: what is clear is edited"
    )
    n: int = Field(1, ge=1, le=10)
    size: str | None = Field(None, description="WIDTHxHEIGHT, or auto")
    output_format: _Format | None = None
    response_format: _Form | None = Field(None, description=_ANSWERED)


class ImageEditForm(Shape):
    """The same as a form; ``image[]`` may be there several times, ``image`` for one."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"required": ["prompt"]})

    prompt: str
    image: str | None = Field(None, json_schema_extra={"format": "binary"})
    images: list[str] | None = Field(
        None, alias="image[]", max_length=MAX_EDITED, json_schema_extra={"format": "binary"}
    )
    mask: str | None = Field(None, json_schema_extra={"format": "binary"})
    model: str | None = None
    n: int = Field(1, ge=1, le=10)


class PictureView(Shape):
    """One picture. ``url`` needs no key: it works for an hour, in files of batches a week."""

    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class PictureUsage(Shape):
    """What the model server counted."""

    input_tokens: int
    input_tokens_details: dict[str, int] | None
    output_tokens: int
    total_tokens: int


class ImagesView(Shape):
    """The answer of both."""

    created: int
    data: list[PictureView]
    background: str | None = None
    output_format: str | None = None
    quality: str | None = None
    size: str | None = None
    usage: PictureUsage | None = None
    safety_identifier: str | None = None
    genq: JobFacts
