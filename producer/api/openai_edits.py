"""``POST /v1/images/edits``: pictures in a form, or named in JSON."""

from contextlib import AsyncExitStack
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.bodies import read_json, refuse_unstorable
from producer.api.form_files import FormFiles
from producer.api.form_parts import is_form
from producer.api.services import Services
from producer.openai.edit_form import read_edit_form
from producer.openai.edit_pictures import check_pictures
from producer.openai.edits import FormEdits, ImageEdits
from producer.openai.hold import answer_taken, held_answer, take_call
from schemas.errors import InputError

_EDITS: Final = ImageEdits()


async def edit_images(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with edited pictures, once they are there.

    Raises:
        GenqError: The call was not accepted, or its job's end cannot be told.
    """
    if is_form(request):
        return await _answer_form(services, tenant, request)
    body: Any = await read_json(request, services.settings.max_body_bytes)
    if not isinstance(body, dict):
        raise InputError('the body must be an object, such as {"images": …}, or a form')
    asked = cast("dict[str, Any]", body)
    await check_pictures(services, tenant, asked)
    return await held_answer(services, tenant, request, _EDITS, asked)


async def _answer_form(services: Services, tenant: Tenant, request: Request) -> Response:
    async with AsyncExitStack() as stack:
        form = await read_edit_form(
            stack,
            request,
            settings=services.settings,
            most=services.pictures.most_bytes,
        )
        refuse_unstorable(form.body)
        types = await check_pictures(services, tenant, form.body, form.pictures)
        files = FormFiles(services, tenant)
        try:
            await files.store(form.pictures, types)
            endpoint = FormEdits(files=files.names)
            call = await take_call(
                services, tenant, request, endpoint, form.body, files=files.ids
            )
        except BaseException as error:
            await files.fail(error)
            raise
    await files.settle(call.job)
    return await answer_taken(services, call, request)
