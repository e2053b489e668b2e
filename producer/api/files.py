"""The routes of files: list, look at, delete, read. Uploads: ``producer.api.file_upload``."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from infra.file_bytes import FileBytes
from infra.objectstore.keys import content_disposition
from infra.postgres.tenants import Tenant
from producer.api.artifacts import wanted_span
from producer.api.bodies import encode
from producer.api.keyset import PRIVATE, read_query
from producer.api.preferences import is_known
from producer.api.services import Services
from producer.files import Files
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.shape import Shape
from schemas.stored_file import file_view

LARGEST_PAGE: Final = 10_000
AnyPurpose = Literal[
    "batch", "batch_output", "evals", "user_data", "vision", "assistants", "fine-tune"
]
"""What may be asked for: there are no files of some of OpenAI's purposes."""
_JSON: Final = "application/json"
# Files hold whatever their uploader likes: shown, but never run.
_SAFETY: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
}


class FilesQuery(Shape):
    """Which page of files; ``after`` is the id of the last one of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = LARGEST_PAGE
    after: str | None = None
    order: Literal["asc", "desc"] = "desc"
    purpose: AnyPurpose | None = None


async def list_some_files(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of the tenant's files."""
    query = read_query(FilesQuery, request)
    # One more than wanted tells whether there is a next page.
    found = files_of(services).list(
        tenant.id,
        limit=query.limit + 1,
        after=_after(query.after),
        purpose=query.purpose,
        oldest_first=query.order == "asc",
    )
    views = [file_view(file) async for file in found]
    shown = views[: query.limit]
    body: dict[str, Any] = {
        "object": "list",
        "data": shown,
        "has_more": len(views) > query.limit,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }
    return Response(encode(body), 200, PRIVATE, _JSON)


async def show_file(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one file, not with its bytes."""
    found = await files_of(services).get(tenant.id, file_id_of(request))
    return Response(encode(file_view(found)), 200, PRIVATE, _JSON)


async def delete_file(services: Services, tenant: Tenant, request: Request) -> Response:
    """Delete a file; a batch that reads it goes on."""
    file_id = file_id_of(request)
    await files_of(services).delete(tenant.id, file_id)
    body = {"id": format_id("file", file_id), "object": "file", "deleted": True}
    return Response(encode(body), 200, PRIVATE, _JSON)


async def send_file(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with a file's bytes; if they lie open, with where they are for some minutes.

    Raises:
        NotFoundError: The tenant has no such file.
        RangeNotSatisfiableError: The wanted range begins past the end.
        ObjectStoreError: The store failed.
        ContentUnreadableError: It is sealed, and does not open.
    """
    file = await files_of(services).get(tenant.id, file_id_of(request))
    signed = None
    if file.key is None:
        signed = await services.store.presign(
            file.object_key, filename=file.filename, content_type=file.content_type
        )
    if signed is not None:
        # Private and short-lived: a cached redirect would outlive its signature.
        return RedirectResponse(signed, 302, {"cache-control": "private, no-store"})
    etag = f'"{file.sha256.hex()}"'
    headers = {
        "etag": etag,
        "cache-control": "private, no-cache",
        "content-disposition": content_disposition(file.filename, file.content_type),
        "accept-ranges": "bytes",
        **_SAFETY,
    }
    if is_known(request.headers, etag):
        return Response(None, 304, headers)
    span = wanted_span(request, etag, file.size)
    held = FileBytes(services.engine, services.store)
    if span is None:
        stored = await held.get(file)
    else:
        end = span.start + span.length
        stored = await held.get(file, start=span.start, end=end)
        headers["content-range"] = f"bytes {span.start}-{end - 1}/{file.size}"
    headers["content-length"] = str(stored.size)
    status = 200 if span is None else 206
    return StreamingResponse(stored.data, status, headers, file.content_type)


def files_of(services: Services) -> Files:
    """Return the files that ``services`` reach."""
    return Files(services.engine, services.store, services.settings)


def file_id_of(request: Request) -> UUID:
    """Return the key in a path's ``file_id``.

    Raises:
        NotFoundError: It is no id of a file.
    """
    shown: str = request.path_params["file_id"]
    try:
        return parse_id("file", shown)
    except InvalidIdError as error:
        raise NotFoundError(f"there is no file {shown[:64]}; of a file's id: {error}") from None


def _after(shown: str | None) -> UUID | None:
    try:
        return None if shown is None else parse_id("file", shown)
    except InvalidIdError as error:
        fault = FieldError("/query/after", f"must be the id of a file: {error}")
        raise InputError("the query is not acceptable", fields=[fault]) from None
