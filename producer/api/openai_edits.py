"""``POST /v1/images/edits``: pictures in a form, or named in JSON."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, cast
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.job_files import give_files, leave_files
from infra.postgres.tenants import Tenant
from producer.api.bodies import read_json, refuse_unstorable
from producer.api.files import files_of
from producer.api.services import Services
from producer.files import NewFile
from producer.openai.edit_form import EditForm, read_edit_form
from producer.openai.edit_pictures import check_pictures
from producer.openai.edits import FormEdits, ImageEdits
from producer.openai.hold import TakenCall, answer_taken, held_answer, take_call
from schemas.errors import InputError
from schemas.ids import format_id
from schemas.stored_file import FilePurpose

_FORM: Final = "multipart/form-data"
_EDITS: Final = ImageEdits()


async def edit_images(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with edited pictures, once they are there.

    Raises:
        GenqError: The call was not accepted, or its job's end cannot be told.
    """
    declared = request.headers.get("content-type", "")
    if declared.partition(";")[0].strip().lower() == _FORM:
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
        files = _Files(services, tenant)
        try:
            await files.store(form, types)
            call = await take_call(services, tenant, request, files.endpoint, form.body)
        except BaseException:
            await files.leave()
            raise
    await files.settle(call)
    return await answer_taken(services, call, request)


class _Files:
    """What came in one form, as files: the job's, or nobody's."""

    def __init__(self, services: Services, tenant: Tenant) -> None:
        self._services = services
        self._tenant = tenant
        self._ids: dict[str, UUID] = {}

    @property
    def endpoint(self) -> FormEdits:
        ids = {name: format_id("file", key) for name, key in self._ids.items()}
        return FormEdits(files=ids)

    async def store(self, form: EditForm, types: Mapping[str, str]) -> None:
        """Store each picture once, however often it is named."""
        for picture in {picture.name: picture for picture in form.pictures}.values():
            wanted = NewFile(
                purpose=FilePurpose.VISION,
                filename=picture.filename,
                content_type=types.get(picture.name, ""),
            )
            file = await files_of(self._services).create(self._tenant.id, wanted, picture.spool)
            self._ids[picture.name] = file.id

    async def settle(self, call: TakenCall) -> None:
        """Give the files to the job, if it is one of this form."""
        names = {format_id("file", key) for key in self._ids.values()}
        given = call.job.input
        if not names.isdisjoint([*given.get("images", ()), given.get("mask")]):
            async with transaction(self._services.engine) as connection:
                ids = list(self._ids.values())
                await give_files(connection, self._tenant.id, call.job.id, ids)
        else:
            # A repeated call: the job has those of the first one.
            await self.leave()

    async def leave(self) -> None:
        async with transaction(self._services.engine) as connection:
            await leave_files(connection, self._tenant.id, list(self._ids.values()))
