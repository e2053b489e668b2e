"""``/v1/images/edits``: pictures made of pictures and words.

A body in JSON names its pictures: ``images`` is a list of ``{"image_url": "data:image/…"}``,
``{"file_id": "file-…"}``, or of either text by itself; so is ``mask``. Pictures that come in a
form are files by the time that their body gets here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from producer.openai.endpoint import Defaults, Reading
from producer.openai.images import HARMLESS, REFUSED, check_response_format, pictures_of
from producer.openai.request_parts import Rules, request_from
from schemas.errors import FieldError, InputError
from schemas.generation import Kind
from schemas.job import JobRecord, JobRequest

IMAGE: Final = "image"
IMAGES: Final = "images"
MASK: Final = "mask"

_RULES: Final = Rules(
    kind=Kind.IMAGE_EDIT,
    dropped=frozenset({"response_format", "moderation"}),
    refused={**REFUSED, "markup": "genq passes on images and one mask; leave it out"},
    harmless=HARMLESS,
)
_REFERENCE: Final = (
    'must be {"image_url": "data:image/png;base64,…"} or {"file_id": "file-…"}, or such a text'
)


@dataclass(frozen=True, slots=True)
class ImageEdits:
    """Pictures made of pictures and words. See ``Endpoint``."""

    path: str = "/v1/images/edits"
    face: str = "openai.edits"
    kind: Kind = Kind.IMAGE_EDIT

    def request_of(self, body: Mapping[str, Any], defaults: Defaults) -> JobRequest:
        """See ``Endpoint.request_of``."""
        check_response_format(body)
        return request_from(_named(body), defaults, _RULES)

    async def answer_of(
        self, job: JobRecord, asked: Mapping[str, Any], reading: Reading
    ) -> dict[str, Any]:
        """See ``Endpoint.answer_of``."""
        return await pictures_of(job, asked, reading)


@dataclass(frozen=True, slots=True)
class FormEdits(ImageEdits):
    """The same, for a form whose pictures were stored.

    Attributes:
        files: The id of each file, by the name that the body has for it.
    """

    files: Mapping[str, str] = field(kw_only=True)

    def request_of(self, body: Mapping[str, Any], defaults: Defaults) -> JobRequest:
        """See ``Endpoint.request_of``."""
        wanted = ImageEdits.request_of(self, body, defaults)
        given = dict(wanted.input)
        images = cast("list[str]", given[IMAGES])
        given[IMAGES] = [self.files.get(image, image) for image in images]
        if MASK in given:
            mask = cast("str", given[MASK])
            given[MASK] = self.files.get(mask, mask)
        return wanted.model_copy(update={"input": given})


def _named(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with its pictures as jobs name them: ``images``, ``mask``.

    Raises:
        InputError: There is none, or one is no reference to a picture.
    """
    named = {name: body[name] for name in body if name not in {IMAGE, IMAGES, MASK}}
    given = body.get(IMAGES) if body.get(IMAGES) is not None else body.get(IMAGE)
    if given is None or given == []:
        message = "is needed: the picture to edit, or a list of up to 16"
        raise InputError(f"image {message}", fields=[FieldError("/image", message)])
    name = IMAGES if body.get(IMAGES) is not None else IMAGE
    if body.get(IMAGES) is not None and body.get(IMAGE) is not None:
        message = "give image or images, one of the two"
        raise InputError(message, fields=[FieldError("/image", message)])
    listed = cast("list[object]", given) if isinstance(given, list) else [given]
    named[IMAGES] = [_reference(one, f"/{name}/{n}") for n, one in enumerate(listed)]
    mask = body.get(MASK)
    if mask is not None:
        named[MASK] = _reference(mask, f"/{MASK}")
    return named


def _reference(given: object, pointer: str) -> str:
    found = given
    if isinstance(given, dict):
        told = {k: v for k, v in cast("dict[str, object]", given).items() if v is not None}
        found = told.get("image_url", told.get("file_id")) if len(told) == 1 else None
    if not isinstance(found, str):
        raise InputError(f"a picture {_REFERENCE}", fields=[FieldError(pointer, _REFERENCE)])
    return found
