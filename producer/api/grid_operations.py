"""The routes of sheets of pictures, as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.pictures.grid import FORMATS, NARROWEST, USUAL, WIDEST
from infra.postgres.tenants import Tenant
from producer.api.document import JOB_ID, answer, parameter, problems
from producer.api.grid import send_grid
from producer.api.operations import Operation
from producer.api.services import Services

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_HOW: Final[list[dict[str, Any]]] = [
    parameter(
        "query",
        "labels",
        "Whether each picture has its number, from 1: its artifact's index is one less.",
        type="boolean",
        default=False,
    ),
    parameter(
        "query",
        "width",
        "The most pixels across; a sheet is never larger than its pictures are.",
        type="integer",
        minimum=NARROWEST,
        maximum=WIDEST,
        default=USUAL,
    ),
]
_FORMAT: Final = {"enum": list(FORMATS)}
SEND_GRID: Final = Operation(
    name="get_grid",
    path="/v1/jobs/{job_id}/grid",
    summary="Fetch a job's pictures on one sheet",
    description="Of 2 to 16 pictures, two by two for four. It is made when it is asked for, "
    "and says that a machine made it, as its pictures do; their manifests are in its own. "
    "Every answer says x-genq-ai-generated: true. /grid.png, /grid.jpeg and /grid.webp are "
    "the same.",
    parameters=[
        JOB_ID,
        parameter("query", "format", "What file it is.", **_FORMAT, default="png"),
        *_HOW,
    ],
    answers={
        200: answer("The sheet.", None, media_type="image/*", headers=("ETag",)),
        304: {"description": "It is as the caller knows it."},
    }
    | problems(
        _400="A query parameter is wrong.",
        _404="No such job, or it has no 2 to 16 pictures.",
        _409="The job has not ended, or has not succeeded.",
        _410="Retention or an erasure took it.",
    ),
)
SEND_GRID_FILE: Final = replace(
    SEND_GRID,
    name="get_grid_file",
    path="/v1/jobs/{job_id}/grid.{format}",
    parameters=[JOB_ID, parameter("path", "format", "What file it is.", **_FORMAT), *_HOW],
)

GRID_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (SEND_GRID, send_grid),
    (SEND_GRID_FILE, send_grid),
)
