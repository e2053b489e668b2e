"""A form of ``/v1/images/edits``: its fields as the JSON body that would ask the same."""

import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from starlette.requests import Request

from infra.settings import Settings
from producer.api.form_parts import Form
from producer.openai.edits import IMAGES, MASK
from producer.openai.form_pictures import FormPicture, FormPictures, hold_declared, named
from producer.openai.picture_door import unfit
from schemas.errors import FieldError, InputError

_FIELD_BYTES: Final = 128 << 10
_NESTED: Final = re.compile(r"(genq|metadata)\[([^\[\]]{1,64})\](\[\d{0,2}\])?")
_OBJECTS: Final = frozenset({"genq", "metadata"})
_NUMBERS: Final = frozenset({"n", "output_compression", "partial_images", "seed"})
_OF_GENQ: Final = frozenset({"priority", "run_at", "start_timeout", "deadline"})
_NUMBER: Final = re.compile(r"-?\d{1,18}(?:\.\d{1,9})?")
_NOT_A_PICTURE: Final = "files go into image, image[] or mask"
_TRUTHS: Final = {"true": True, "false": False, "True": True, "False": False}


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
    hold_declared(request.headers.get("content-length", ""))
    reading = _Reading(stack, Form(request), settings, most)
    return await reading.whole()


class _Reading:
    """One form on its way."""

    def __init__(
        self, stack: AsyncExitStack, form: Form, settings: Settings, most: int
    ) -> None:
        self._form = form
        self._pictures = FormPictures(stack, form, settings=settings, most=most)
        self._body: dict[str, Any] = {}

    async def whole(self) -> EditForm:
        while (part := await self._form.part()) is not None:
            if await self._pictures.take(part):
                continue
            if part.filename is not None:
                raise unfit(f"/{part.name[:60]}", _NOT_A_PICTURE)
            self._note(part.name, await self._form.text(part, _FIELD_BYTES))
        pictures = self._pictures
        if pictures.images:
            self._body[IMAGES] = [named(picture) for picture in pictures.images]
        if pictures.mask is not None:
            self._body[MASK] = named(pictures.mask)
        return EditForm(self._body, pictures.came)

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


def _twice(name: str) -> InputError:
    fault = FieldError(f"/{name[:60]}", "is given twice")
    return InputError("the form is not acceptable", fields=[fault])
