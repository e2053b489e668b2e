"""The bytes behind an artifact's stable URL: a redirect to a fresh signed one, or a stream."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from infra.objectstore.store import StoredObject
from infra.postgres.tenants import Tenant
from producer.api.generated_content import MADE, SAFETY
from producer.api.http_errors import RangeNotSatisfiableError
from producer.api.jobs import find_job
from producer.api.preferences import is_known
from producer.api.services import Services
from schemas.errors import NotFoundError, NotReadyError
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord
from schemas.job_states import JobState, status_of
from schemas.privacy_errors import ContentErasedError

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_FOR_EVER: Final = 31_536_000


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of an object: the first, and how many."""

    start: int
    length: int


async def send_artifact(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the bytes of one artifact, or with where they are for the next minutes.

    Raises:
        NotFoundError: No such job, or it has fewer artifacts.
        NotReadyError: The job has not ended, or has not succeeded.
        ContentErasedError: Retention or an erasure took it.
        RangeNotSatisfiableError: The wanted range begins past the end.
        ObjectStoreError: The store failed.
    """
    job = await find_job(services, tenant, request)
    artifact = artifact_of(job, request.path_params["index"])
    return await send_bytes(services, job, artifact, request)


async def send_bytes(
    services: Services,
    job: JobRecord,
    artifact: Artifact,
    request: Request,
    *,
    max_age: int = _FOR_EVER,
) -> Response:
    """Answer with an artifact's bytes, or with where they are for the next minutes.

    Args:
        services: The store among them.
        job: Whose artifact it is.
        artifact: The wanted one.
        request: Says which part is wanted, and what its sender has already.
        max_age: For how many seconds a browser may keep them.

    Raises:
        RangeNotSatisfiableError: The wanted range begins past the end.
        ObjectStoreError: The store failed.
    """
    name = f"{format_id('job', job.id)}-{artifact.index}{PurePosixPath(artifact.key).suffix}"
    signed = await services.store.presign(
        artifact.key, filename=name, content_type=artifact.content_type
    )
    if signed is not None:
        # Private and short-lived: a cached redirect would outlive its signature.
        return RedirectResponse(signed, 302, {"cache-control": "private, no-store", **MADE})
    etag = f'"{artifact.sha256}"'
    headers = {
        "etag": etag,
        "cache-control": f"private, max-age={max_age}, immutable",
        "content-disposition": f'inline; filename="{name}"',
        "accept-ranges": "bytes",
        **SAFETY,
        **MADE,
    }
    if is_known(request.headers, etag):
        return Response(None, 304, headers)
    span = wanted_span(request, etag, artifact.bytes)
    stored = await services.store.get(artifact.key)
    headers["content-length"] = str(span.length if span else stored.size)
    if span is None:
        return StreamingResponse(stored.data, 200, headers, artifact.content_type)
    last = span.start + span.length - 1
    headers["content-range"] = f"bytes {span.start}-{last}/{artifact.bytes}"
    return StreamingResponse(cut(stored, span), 206, headers, artifact.content_type)


def wanted_span(request: Request, etag: str, size: int) -> Span | None:
    """Return the part of an object of ``size`` bytes that is wanted, ``None`` for all of it.

    Several ranges at once, or one of another version, get the whole object (RFC 9110).

    Raises:
        RangeNotSatisfiableError: The range begins past the end.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = asked.groups()
    if not first and not last:
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(last) < start:
        return None
    if start >= size:
        raise RangeNotSatisfiableError(size)
    return Span(start, end - start + 1)


async def cut(stored: StoredObject, span: Span) -> AsyncIterator[bytes]:
    """Yield the bytes of ``span`` out of ``stored``, then close it."""
    skip, rest = span.start, span.length
    try:
        async for chunk in stored.data:
            piece = chunk[skip : skip + rest]
            skip = max(0, skip - len(chunk))
            rest -= len(piece)
            if piece:
                yield piece
            if rest == 0:
                return
    finally:
        await stored.close()


def artifact_of(job: JobRecord, index: str) -> Artifact:
    """Return the artifact that a path names.

    Raises:
        NotFoundError: The job has fewer.
        NotReadyError: It has not ended, or has not succeeded.
        ContentErasedError: Retention or an erasure took what it made.
    """
    shown = format_id("job", job.id)
    if not job.state.final:
        raise NotReadyError(
            f"{shown} is {status_of(job.state).value}; ask again when it has ended, or wait "
            f"with GET /v1/jobs/{shown} and Prefer: wait=60"
        )
    if job.output_erased:
        raise ContentErasedError(f"what {shown} made was erased; submit the job again")
    if job.state is not JobState.SUCCEEDED:
        raise NotReadyError(f"{shown} ended as {status_of(job.state).value}: no artifacts")
    for artifact in job.artifacts:
        if str(artifact.index) == index:
            return artifact
    raise NotFoundError(f"{shown} has {len(job.artifacts)} artifacts, and no {index[:20]}")
