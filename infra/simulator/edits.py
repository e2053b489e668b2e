"""``POST /v1/images/edits``: what a prompt makes of pictures. A form, not JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import BodyPartReader, web
from pydantic import ValidationError

from infra.simulator.models import UPSCALER
from infra.simulator.refusal import RefusalError, bad_value, unreadable
from infra.simulator.sources import Sources, digest_of, size_of
from infra.simulator.wire import (
    LARGEST_SIDE,
    LARGEST_UPSCALED,
    MAX_EDITED,
    SMALLEST_SIDE,
    ImageEditBody,
)

_FILES: Final = frozenset({"image", "image[]", "mask"})
_NUMBERS: Final = frozenset({"n", "seed", "output_compression", "partial_images"})
_OURS: Final = "sources"
_FACTOR: Final = 2


@dataclass(slots=True)
class _Form:
    """What a form held."""

    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    pictures: list[bytes] = field(default_factory=list[bytes])
    mask: bytes | None = None


async def read_edit(request: web.Request) -> ImageEditBody:
    """Return what a form asks for, with its pictures.

    Raises:
        RefusalError: 400; no form, no picture, or parameters that are wrong.
    """
    if not request.content_type.startswith("multipart/"):
        raise RefusalError(400, "Send multipart/form-data.", code="invalid_content_type")
    form = _Form()
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise RefusalError(400, "A form within a form.", code="invalid_form")
            await _take(part, form)
    except ValueError:
        raise RefusalError(400, "The form cannot be read.", code="invalid_form") from None
    if not 0 < len(form.pictures) <= MAX_EDITED:
        raise bad_value("image", f"Send 1 to {MAX_EDITED} pictures as 'image'.")
    return edit_of(form.fields, form.pictures, form.mask)


def edit_of(
    fields: Mapping[str, Any], pictures: list[bytes], mask: bytes | None
) -> ImageEditBody:
    """Return the edit that some parameters and pictures ask for.

    Raises:
        RefusalError: 400; a picture is none, the mask does not fit it, or a parameter is wrong.
    """
    sides = [size_of(picture, "image") for picture in pictures]
    upscales = fields.get("model") == UPSCALER
    if mask is not None:
        if upscales:
            raise bad_value("mask", f"'{UPSCALER}' makes pictures larger; it takes no mask.")
        if size_of(mask, "mask") != sides[0]:
            raise bad_value("mask", "'mask' must be as large as the first picture.")
    sources = Sources(
        digest_of(pictures, mask),
        upscales=upscales,
        faithful=fields.get("input_fidelity") == "high",
        pictures=tuple(pictures),
        mask=mask,
    )
    size = _size_of(fields, sides[0], upscales=upscales)
    try:
        body = ImageEditBody.model_validate({**fields, "size": size})
    except ValidationError as fault:
        raise unreadable(fault) from None
    return body.model_copy(update={"sources": sources})


async def _take(part: BodyPartReader, form: _Form) -> None:
    name = part.name or ""
    data = bytes(await part.read())
    if name not in _FILES:
        if name != _OURS:
            form.fields[name] = _value(name, data.decode(errors="replace"))
    elif name == "mask":
        form.mask = data
    else:
        form.pictures.append(data)


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS and text.lstrip("-").isdecimal():
        return int(text)
    return text == "true" if name == "stream" else text


def _size_of(fields: Mapping[str, Any], sides: tuple[int, int], *, upscales: bool) -> str:
    """Return the wanted size: unless one is given, that of the first picture, or twice it."""
    given = fields.get("size")
    if given not in {None, "auto"}:
        return str(given)
    most = LARGEST_UPSCALED if upscales else LARGEST_SIDE
    factor = _FACTOR if upscales else 1
    # A side that is too long shortens the other one with it.
    share = min(factor, most / max(sides))
    return "x".join(str(max(round(side * share), SMALLEST_SIDE)) for side in sides)
