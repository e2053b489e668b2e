"""``POST /v1/images/edits``: what a prompt makes of pictures. A form, not JSON."""

import hashlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

from aiohttp import BodyPartReader, web
from PIL import Image
from pydantic import ValidationError

from infra.simulator.refusal import RefusalError, bad_value, unreadable
from infra.simulator.wire import MAX_EDITED, ImageEditBody

_FILES: Final = frozenset({"image", "image[]", "mask"})
_NUMBERS: Final = frozenset({"n", "seed", "output_compression", "partial_images"})
_SIZES: Final = (64, 2048)


async def read_edit(request: web.Request) -> ImageEditBody:
    """Return what a form asks for; its pictures are known by what they are.

    Raises:
        RefusalError: 400; no form, no picture, or parameters that are wrong.
    """
    if not request.content_type.startswith("multipart/"):
        raise RefusalError(400, "Send multipart/form-data.", code="invalid_content_type")
    fields: dict[str, Any] = {}
    pictures: list[bytes] = []
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise RefusalError(400, "A form within a form.", code="invalid_form")
            await _take(part, fields, pictures)
    except ValueError:
        raise RefusalError(400, "The form cannot be read.", code="invalid_form") from None
    if not 0 < len(pictures) <= MAX_EDITED:
        raise bad_value("image", f"Send 1 to {MAX_EDITED} pictures as 'image'.")
    digest = hashlib.blake2b(digest_size=8)
    for picture in pictures:
        digest.update(picture)
    known = {"pictures": digest.hexdigest(), "size": _size_of(fields, pictures[0])}
    try:
        return ImageEditBody.model_validate({**fields, **known})
    except ValidationError as fault:
        raise unreadable(fault) from None


async def _take(part: BodyPartReader, fields: dict[str, Any], pictures: list[bytes]) -> None:
    name = part.name or ""
    data = bytes(await part.read())
    if name not in _FILES:
        fields[name] = _value(name, data.decode(errors="replace"))
        return
    try:
        Image.open(BytesIO(data)).close()
    except Exception:  # noqa: BLE001 - foreign bytes bring out more than Pillow's own errors
        raise bad_value(name, f"'{name}' is not a picture.") from None
    if name != "mask":
        pictures.append(data)


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS and text.lstrip("-").isdecimal():
        return int(text)
    return text == "true" if name == "stream" else text


def _size_of(fields: Mapping[str, Any], picture: bytes) -> str | None:
    """Return the wanted size: unless one is given, that of the first picture."""
    given = fields.get("size")
    if given not in {None, "auto"}:
        return str(given)
    with Image.open(BytesIO(picture)) as image:
        sides = image.size
    least, most = _SIZES
    return "x".join(str(min(max(side, least), most)) for side in sides)
