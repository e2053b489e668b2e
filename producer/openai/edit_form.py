"""A form of ``/v1/images/edits``: its fields as the JSON body that would ask the same.

Pictures go to disk as they come, one after the other. In the body each stands as its SHA-256,
so that a repeated call says the same thing again.
"""

import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from starlette.requests import Request

from infra.settings import Settings
from infra.spool import Spool, open_spool
from producer.api.form_parts import FORM_BYTES, Form, Part
from producer.openai.edits import IMAGE, IMAGES, MASK
from producer.openai.picture_door import unfit
from schemas.errors import FieldError, InputError, PayloadTooLargeError
from schemas.image_edit_input import MAX_EDITED

MOST_BYTES: Final = 64 << 20
"""Of all pictures of one call: as much as a worker sends on."""

_FIELD_BYTES: Final = 128 << 10
_PICTURE: Final = re.compile(r"image(?:\[\d{0,2}\])?")
_NESTED: Final = re.compile(r"(genq|metadata)\[([^\[\]]{1,64})\](\[\d{0,2}\])?")
_OBJECTS: Final = frozenset({"genq", "metadata"})
_NUMBERS: Final = frozenset({"n", "output_compression", "partial_images", "seed"})
_OF_GENQ: Final = frozenset({"priority", "run_at", "start_timeout", "deadline"})
_NUMBER: Final = re.compile(r"-?\d{1,18}(?:\.\d{1,9})?")
_NOT_A_PICTURE: Final = "files go into image, image[] or mask"
_TRUTHS: Final = {"true": True, "false": False, "True": True, "False": False}


@dataclass(frozen=True, slots=True)
class FormPicture:
    """A picture that came in a form.

    Attributes:
        spool: Its bytes; complete.
        name: How the body calls it: ``sha256:…``.
        filename: As the client said it.
        pointer: Where it stands in the body.
    """

    spool: Spool
    name: str
    filename: str | None
    pointer: str


@dataclass(frozen=True, slots=True)
class EditForm:
    """A form that was read.

    Attributes:
        body: The same in JSON.
        pictures: In their order; the mask last.
    """

    body: Mapping[str, Any]
    pictures: tuple[FormPicture, ...]


async def read_edit_form(
    stack: AsyncExitStack, request: Request, *, settings: Settings, most: int
) -> EditForm:
    """Read a form to its end; its pictures are gone when ``stack`` closes.

    Args:
        stack: Closes what is opened.
        request: Its body has not been read.
        settings: Say where pictures wait.
        most: Bytes of one picture.

    Raises:
        UnsupportedMediaTypeError: It is no form.
        PayloadTooLargeError: All pictures together are too large.
        InputError: The form is broken, or something in it is wrong.
        ObjectStoreError: The disk cannot take it.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > MOST_BYTES + FORM_BYTES:
        raise _too_large()
    reading = _Reading(stack, Form(request), settings, most)
    return await reading.whole()


class _Reading:
    """One form on its way."""

    def __init__(
        self, stack: AsyncExitStack, form: Form, settings: Settings, most: int
    ) -> None:
        self._stack = stack
        self._form = form
        self._settings = settings
        self._most = most
        self._left = MOST_BYTES
        self._body: dict[str, Any] = {}
        self._images: list[FormPicture | str] = []
        self._mask: FormPicture | str | None = None

    async def whole(self) -> EditForm:
        while (part := await self._form.part()) is not None:
            if _PICTURE.fullmatch(part.name):
                if len(self._images) == MAX_EDITED:
                    raise unfit(f"/{IMAGE}", f"{MAX_EDITED} pictures at the most")
                pointer = f"/{IMAGE}/{len(self._images)}"
                self._images.append(await self._picture(part, pointer))
            elif part.name == MASK:
                if self._mask is not None:
                    raise unfit(f"/{MASK}", "is given twice")
                self._mask = await self._picture(part, f"/{MASK}")
            elif part.filename is not None:
                raise unfit(f"/{part.name[:60]}", _NOT_A_PICTURE)
            else:
                self._note(part.name, await self._form.text(part, _FIELD_BYTES))
        if self._images:
            self._body[IMAGES] = [_named(picture) for picture in self._images]
        if self._mask is not None:
            self._body[MASK] = _named(self._mask)
        came = [*self._images, *([self._mask] if self._mask is not None else [])]
        return EditForm(self._body, tuple(p for p in came if not isinstance(p, str)))

    async def _picture(self, part: Part, pointer: str) -> FormPicture | str:
        if part.filename is None and not part.content_type.startswith("image/"):
            # The id of a file, or a data URL.
            return await self._form.text(part, _FIELD_BYTES)
        spool = await self._stack.enter_async_context(open_spool(self._settings))
        async for chunk in self._form.content():
            if spool.size + len(chunk) > self._most:
                raise unfit(pointer, f"a picture may have {self._most} bytes at the most")
            self._left -= len(chunk)
            if self._left < 0:
                raise _too_large()
            await spool.add(chunk)
        if not spool.size:
            raise unfit(pointer, "is empty: it has no bytes")
        digest = await spool.finish()
        return FormPicture(spool, f"sha256:{digest.hex()}", part.filename, pointer)

    def _note(self, name: str, text: str) -> None:
        nested = _NESTED.fullmatch(name)
        if nested is None:
            if name in self._body:
                raise _twice(name)
            self._body[name] = _value(name, text)
            return
        outer, inner, several = nested.groups()
        found = self._body.setdefault(outer, {})
        if not isinstance(found, dict):
            raise _twice(outer)
        values = cast("dict[str, Any]", found)
        if several is not None:
            values.setdefault(inner, []).append(text)
        elif inner in values:
            raise _twice(f"{outer}[{inner}]")
        else:
            numeric = outer == "genq" and inner in _OF_GENQ
            values[inner] = _number(text) if numeric else text


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS:
        return _number(text)
    if name == "stream":
        return _TRUTHS.get(text, text)
    if name in _OBJECTS and text.startswith("{"):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            message = f"is not valid JSON: {error}"
            raise InputError(
                f"{name} {message}", fields=[FieldError(f"/{name}", message)]
            ) from None
    return text


def _number(text: str) -> float | str:
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def _named(picture: FormPicture | str) -> str:
    return picture if isinstance(picture, str) else picture.name


def _twice(name: str) -> InputError:
    fault = FieldError(f"/{name[:60]}", "is given twice")
    return InputError("the form is not acceptable", fields=[fault])


def _too_large() -> PayloadTooLargeError:
    return PayloadTooLargeError(
        f"all pictures together may have {MOST_BYTES} bytes at the most"
    )
