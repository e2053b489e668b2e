"""The route that streams what has ended of a batch, at any time."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from infra.postgres.tenants import Tenant
from producer.api.batches import find_batch
from producer.api.keyset import read_query
from producer.api.services import Services
from producer.batch_results import page_of, results
from producer.openai.endpoint import Reading
from schemas.shape import Shape

LARGEST_PAGE: Final = 1_000_000
_LARGEST_SEQ: Final = 2**31 - 1
_NDJSON: Final = "application/x-ndjson"

Included = Literal["all", "output", "errors"]
_SUCCEEDED: Final[Mapping[Included, bool | None]] = {
    "all": None,
    "output": True,
    "errors": False,
}


class ResultsQuery(Shape):
    """Which lines; ``after`` is the ``seq`` of the last one that is known."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[int, Field(ge=0, le=_LARGEST_SEQ)] = 0
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] | None = None
    include: Included = "all"


async def send_results(services: Services, tenant: Tenant, request: Request) -> Response:
    """Stream lines in the order in which they ended, one JSON object a line."""
    query = read_query(ResultsQuery, request)
    # Its status is read before its lines: who reads a status that is final misses none.
    batch = await find_batch(services, tenant, request)
    page = await page_of(
        services.engine,
        batch,
        after=query.after,
        limit=query.limit,
        succeeded=_SUCCEEDED[query.include],
    )
    reading = Reading(services.store, services.public_url, services.links)
    headers = {
        "cache-control": "no-store",
        "x-genq-next-after": str(page.last),
        "x-genq-batch-status": batch.status.word,
    }
    # If the database is away the stream breaks off, and is no complete HTTP answer.
    lines = results(services.engine, batch, page, reading)
    return StreamingResponse(lines, 200, headers, _NDJSON)
