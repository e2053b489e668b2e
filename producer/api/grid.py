"""``GET /v1/jobs/{id}/grid``: the pictures of a job on one sheet, made when it is asked for."""

import hashlib
import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.pictures.grid import FORMATS, NARROWEST, USUAL, WIDEST
from infra.postgres.tenants import Tenant
from infra.provenance.sheets import GridWish, pictures_of
from producer.api.artifacts import artifact_of
from producer.api.bodies import did_you_mean
from producer.api.generated_content import MADE, SAFETY
from producer.api.jobs import find_job
from producer.api.preferences import is_known
from producer.api.services import Services
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.tenant_plan import SafetyLevel

_FORMAT: Final = "format"
_NAMES: Final = (_FORMAT, "labels", "width")
_DIGITS: Final = re.compile(r"\d{1,5}", re.ASCII)
_SWITCH: Final = {"true": True, "1": True, "false": False, "0": False}
_MAX_AGE: Final = 3600
_ETAG_BYTES: Final = 12
_VERSION: Final = 1


async def send_grid(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the sheet.

    Raises:
        InputError: A query parameter is wrong.
        NotFoundError: No such job, or it has no pictures for a sheet.
        NotReadyError: The job has not ended, or has not succeeded.
        ContentErasedError: Retention or an erasure took it.
        GridBusyError: Too many sheets are being made.
        ObjectStoreError: The store failed.
    """
    wish = read_wish(request)
    job = await find_job(services, tenant, request)
    if not job.artifacts:
        # Why there are none, as each picture's route says it.
        artifact_of(job, "0")
    pictures_of(job)
    etag = _etag(job, wish)
    name = f"{format_id('job', job.id)}-grid.{wish.output_format}"
    headers = {
        "etag": etag,
        "cache-control": f"private, max-age={_MAX_AGE}",
        "content-disposition": f'inline; filename="{name}"',
        **SAFETY,
        **MADE,
    }
    if is_known(request.headers, etag):
        return Response(None, 304, headers)
    level = SafetyLevel(tenant.safety_level)
    policy = await services.moderation.policies.of(tenant.id, level)
    data = await services.grids.compose(job, wish, policy.marking)
    return Response(data, 200, headers, wish.media_type)


def read_wish(request: Request) -> GridWish:
    """Return how a sheet is wanted; the path may end in the format.

    Raises:
        NotFoundError: The path ends in another format.
        InputError: An unknown parameter or an unacceptable value; every fault is named.
    """
    query, faults = request.query_params, list[FieldError]()
    for name in query:
        if name not in _NAMES:
            hint = did_you_mean(name[:64], _NAMES)
            faults.append(FieldError(f"/query/{name[:64]}", f"unknown parameter; {hint}"))
    known = ", ".join(FORMATS)
    ending = request.path_params.get(_FORMAT)
    if ending is not None and ending not in FORMATS:
        raise NotFoundError(f"a sheet is made as {known}")
    wanted = query.get(_FORMAT, ending or "png")
    if wanted not in FORMATS or wanted != (ending or wanted):
        which = f"{ending}, as the path says" if ending else f"one of {known}"
        faults.append(FieldError("/query/format", f"must be {which}"))
    labels = _SWITCH.get(query.get("labels", "false"))
    if labels is None:
        faults.append(FieldError("/query/labels", "must be true or false"))
    told = query.get("width", str(USUAL))
    width = int(told) if _DIGITS.fullmatch(told) else 0
    if not NARROWEST <= width <= WIDEST:
        faults.append(FieldError("/query/width", f"must be {NARROWEST} to {WIDEST} pixels"))
    if faults:
        raise InputError("the query is not acceptable", fields=faults)
    return GridWish(wanted, bool(labels), width)


def _etag(job: JobRecord, wish: GridWish) -> str:
    """Return a weak tag: what shows the same may be signed at another time."""
    parts = [_VERSION, wish.output_format, wish.labels, wish.width]
    told = "\0".join(map(str, [*parts, *(one.sha256 for one in job.artifacts)]))
    return f'W/"{hashlib.blake2b(told.encode(), digest_size=_ETAG_BYTES).hexdigest()}"'
