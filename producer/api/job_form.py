"""``POST /v1/jobs`` as a form: the job in JSON, and the pictures that it begins with.

``curl -F 'job={"kind": "image_edit", "input": {"prompt": "make it snow"}}' -F image=@kite.jpg``

Part ``job`` is the body that would be sent without pictures. Parts ``image``, ``image[]``,
``images`` or ``images[]``, each a file, an id or a URL, go into an edit's ``images``, behind
those that it names, or into the last message of a person in a conversation; ``mask`` goes into
the edit's ``mask``. Files become files of the tenant, which go when the job's input goes.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from starlette.requests import Request

from infra.safety.replacing import replaced
from producer.api.bodies import refuse_unstorable
from producer.api.form_parts import Form, Part
from producer.api.services import Services
from producer.openai.form_pictures import FormPicture, FormPictures, hold_declared, named
from producer.openai.picture_door import SeenPicture, check_mask, unfit
from schemas.errors import FieldError, InputError
from schemas.generation import Kind
from schemas.job import JobRequest
from schemas.picture_references import references_of

_JOB: Final = "job"
_IMAGES: Final = "images"
_MASK: Final = "mask"
_PARTS: Final = "the parts of the form are job (JSON), image[] and mask"
_NO_PICTURES: Final = "only jobs of kind image_edit and chat begin with pictures"
_NO_MASK: Final = "only jobs of kind image_edit have a mask"


@dataclass(frozen=True, slots=True)
class JobForm:
    """A form that was read.

    Attributes:
        body: The same in JSON; pictures that came stand in it as their SHA-256.
        pictures: In their order; the mask last.
    """

    body: Mapping[str, Any]
    pictures: tuple[FormPicture, ...]


async def read_job_form(stack: AsyncExitStack, request: Request, services: Services) -> JobForm:
    """Read a form to its end; its pictures are gone when ``stack`` closes.

    Raises:
        UnsupportedMediaTypeError: It is no form.
        PayloadTooLargeError: All pictures together are too large.
        InputError: The form is broken, or something in it is wrong.
        ObjectStoreError: The disk cannot take it.
    """
    hold_declared(request.headers.get("content-length", ""))
    form = Form(request)
    settings = services.settings
    pictures = FormPictures(
        stack,
        form,
        settings=settings,
        most=services.pictures.most_bytes,
        at="/input",
        images=_IMAGES,
    )
    body: dict[str, Any] | None = None
    while (part := await form.part()) is not None:
        if await pictures.take(part):
            continue
        _expect_job(part, body)
        body = _read(await form.text(part, settings.max_body_bytes))
    if body is None:
        raise _refused("/job", f"is missing; {_PARTS}")
    _put(body, pictures)
    return JobForm(body, pictures.came)


async def types_of(services: Services, form: JobForm) -> Mapping[str, str]:
    """Look at the pictures that came, and return their media types by their names.

    Raises:
        InputError: One is no PNG, JPEG or WebP file, damaged, or too large; or the mask does
            not fit the first picture.
        CallRateError: Too many pictures are being looked at.
    """
    seen: dict[str, SeenPicture] = {}
    for one in form.pictures:
        if one.name not in seen:
            seen[one.name] = await services.pictures.look(one.spool.file, one.pointer)
    given: Mapping[str, Any] = form.body["input"]
    # What else stands there in place of names is refused with the rest of the input.
    texts = {one.place: one.text for one in references_of(Kind.IMAGE_EDIT, given)}
    mask = seen.get(texts.get((_MASK,), ""))
    if mask is not None:
        check_mask(mask, seen.get(texts.get((_IMAGES, 0), "")), f"/input/{_MASK}")
    return {name: one.media_type for name, one in seen.items()}


def with_files(wanted: JobRequest, names: Mapping[str, str]) -> JobRequest:
    """Return a job in which the pictures of its form are files.

    Args:
        wanted: As the form's body says it.
        names: The id of each file, by the name that the body has for it.
    """
    stored = {
        one.place: names[one.text]
        for one in references_of(wanted.kind, wanted.input)
        if one.text in names
    }
    return wanted.model_copy(update={"input": replaced(wanted.input, stored)})


def _expect_job(part: Part, before: object) -> None:
    if part.name != _JOB:
        raise _refused(f"/{part.name[:60]}", f"unknown part; {_PARTS}")
    if before is not None:
        raise _refused("/job", "is given twice")


def _read(text: str) -> dict[str, Any]:
    try:
        body: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _refused("/job", f"is not valid JSON: {error}") from None
    refuse_unstorable(body)
    if not isinstance(body, dict):
        raise _refused("/job", 'must be an object, such as {"kind": "image_edit", "input": …}')
    job = cast("dict[str, Any]", body)
    if not isinstance(job.get("input"), dict):
        raise _refused("/input", "must be an object")
    return job


def _put(body: dict[str, Any], pictures: FormPictures) -> None:
    """Put what came beside a job into it."""
    images = [named(picture) for picture in pictures.images]
    given: dict[str, Any] = body["input"]
    kind = body.get("kind")
    if pictures.mask is not None:
        if kind != Kind.IMAGE_EDIT:
            raise unfit("/mask", _NO_MASK)
        if given.get(_MASK) is not None:
            raise unfit("/input/mask", "is given twice: in the job, and as a part")
        given[_MASK] = named(pictures.mask)
    if not images:
        return
    if kind == Kind.IMAGE_EDIT:
        before: object = given.get(_IMAGES) or []
        if not isinstance(before, list):
            raise unfit("/input/images", "must be a list")
        given[_IMAGES] = [*cast("list[object]", before), *images]
    elif kind == Kind.CHAT:
        _show(given, images)
    else:
        raise unfit("/image", _NO_PICTURES)


def _show(given: dict[str, Any], images: Sequence[str]) -> None:
    """Put pictures behind the words of the last message of a person."""
    messages: object = given.get("messages")
    listed = cast("list[object]", messages) if isinstance(messages, list) else []
    for message in reversed(listed):
        if not isinstance(message, dict):
            continue
        told = cast("dict[str, Any]", message)
        content: object = told.get("content")
        if told.get("role") == "user" and isinstance(content, str | list):
            before: list[object] = [{"type": "text", "text": content}]
            if isinstance(content, list):
                before = cast("list[object]", content)
            shown = [{"type": "image_url", "image_url": {"url": one}} for one in images]
            told["content"] = [*before, *shown]
            return
    raise unfit("/input/messages", "has no message of a user to show the pictures in")


def _refused(pointer: str, message: str) -> InputError:
    return InputError("the form is not acceptable", fields=[FieldError(pointer, message)])
