"""The routes of files as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Final, get_args

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.document import answer, parameter, problems
from producer.api.file_upload import create_file
from producer.api.files import (
    LARGEST_PAGE,
    AnyPurpose,
    delete_file,
    list_some_files,
    send_file,
    show_file,
)
from producer.api.operations import Operation
from producer.api.preferences import LONGEST_IDEMPOTENCY_KEY
from producer.api.services import Services

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_TAG: Final = "files"
_ID: Final = parameter(
    "path", "file_id", "The file's id, file-…", pattern="^file-[0-9a-z]{26}$"
)
_KEY: Final = parameter(
    "header",
    "Idempotency-Key",
    "The same key with the same upload is the same file, for a day.",
    minLength=1,
    maxLength=LONGEST_IDEMPOTENCY_KEY,
)
_PATH: Final = "/v1/files/{file_id}"
_UNKNOWN: Final = problems(_404="This tenant has no such file, or not any more.")

CREATE_FILE: Final = Operation(
    name="create_file",
    method="POST",
    path="/v1/files",
    summary="Upload a file",
    description="In OpenAI's shape. Inputs of batches are JSONL. It is durable, and can be "
    "used, once this has answered.",
    tag=_TAG,
    openai=True,
    parameters=[_KEY],
    form="FileUpload",
    answers={200: answer("The file.", "FileView", headers=("Idempotent-Replayed",))}
    | problems(
        _400="The form is broken, or a field of it is missing or wrong; errors[] says which.",
        _413="The file is too large.",
        _415="The body is no multipart/form-data.",
        _422="The Idempotency-Key was used for another upload, or its file is gone.",
    ),
)
LIST_FILES: Final = Operation(
    name="list_files",
    path="/v1/files",
    summary="List files",
    description="Newest first, or oldest first, by key: a page does not shift.",
    tag=_TAG,
    openai=True,
    parameters=[
        parameter(
            "query",
            "limit",
            "How many files.",
            type="integer",
            minimum=1,
            maximum=LARGEST_PAGE,
            default=LARGEST_PAGE,
        ),
        parameter(
            "query",
            "after",
            "The last_id of the page before.",
            examples=["file-01kb0q5v3mf0t8w2c7d4e9g6hj"],
        ),
        parameter("query", "order", "By age.", enum=["asc", "desc"], default="desc"),
        parameter(
            "query", "purpose", "Only files of this purpose.", enum=list(get_args(AnyPurpose))
        ),
    ],
    answers={200: answer("One page of files.", "FilePage")}
    | problems(_400="A query parameter is wrong."),
)
SHOW_FILE: Final = Operation(
    name="get_file",
    path=_PATH,
    summary="Look at a file",
    description="What it is, without its bytes.",
    tag=_TAG,
    openai=True,
    parameters=[_ID],
    answers={200: answer("The file.", "FileView")} | _UNKNOWN,
)
DELETE_FILE: Final = Operation(
    name="delete_file",
    method="DELETE",
    path=_PATH,
    summary="Delete a file",
    description="It is gone at once for callers; its bytes go a minute or two later. A batch "
    "that reads it goes on, and they stay until then.",
    tag=_TAG,
    openai=True,
    parameters=[_ID],
    answers={200: answer("It is gone.", "FileDeletedView")} | _UNKNOWN,
)
SEND_FILE: Final = Operation(
    name="get_file_content",
    path=f"{_PATH}/content",
    summary="Read a file",
    description="Files that lie sealed, as they do unless an installation says otherwise, are "
    "given here. To one that lies open S3 stores answer with a redirect to a signed URL.",
    tag=_TAG,
    openai=True,
    parameters=[_ID],
    answers={
        200: answer("The bytes.", None, media_type="*/*", headers=("ETag",)),
        206: answer("The bytes of one Range.", None, media_type="*/*", headers=("ETag",)),
        302: {"description": "The bytes are at Location for the next minutes."},
        304: {"description": "The caller has the bytes."},
    }
    | problems(
        _404="No such file, or not any more.",
        _416="The Range begins past the end.",
    ),
)

FILE_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (CREATE_FILE, create_file),
    (LIST_FILES, list_some_files),
    (SHOW_FILE, show_file),
    (DELETE_FILE, delete_file),
    (SEND_FILE, send_file),
)
