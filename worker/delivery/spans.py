"""The span of a delivery's attempt, in the trace of the job that it tells of."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.delivery import Owed
from infra.postgres.engine import transaction
from infra.postgres.traces import traceparents
from infra.telemetry.tracing import HEADER, TRACING, SpanKind, current_span, span, traceparent
from schemas.errors import DatabaseUnavailableError
from schemas.ids import format_id
from worker.delivery.schedule import Outcome, Result

_NOTHING: Final[dict[str, str]] = {}

_log: Final = structlog.get_logger()


async def in_span(
    engine: AsyncEngine, owed: Owed, deliver: Callable[[], Awaitable[None]]
) -> None:
    """Deliver within a span."""
    with span(
        "deliver webhook",
        SpanKind.CLIENT,
        parent=await _parent(engine, owed),
        linked=True,
        attributes={
            "http.request.method": "POST",
            "messaging.message.id": format_id("evt", owed.event_id),
            "genq.job": format_id("job", owed.job_id),
            "genq.attempt": owed.attempt,
            # The path of the URL may be a secret.
            "genq.origin": owed.origin,
        },
    ):
        await deliver()


def tell_result(result: Result) -> None:
    """Add to the span under way what came of the attempt."""
    if TRACING.tracer is None:
        return
    if result.status is not None:
        current_span().set("http.response.status_code", result.status)
    if result.outcome is not Outcome.SUCCESS:
        current_span().fail(result.outcome.value)


def trace_headers() -> dict[str, str]:
    """Return what tells the receiver which trace the request belongs to."""
    parent = traceparent()
    return _NOTHING if parent is None else {HEADER: parent}


async def _parent(engine: AsyncEngine, owed: Owed) -> str | None:
    try:
        async with transaction(engine) as connection:
            return (await traceparents(connection, [owed.job_id])).get(owed.job_id)
    except DatabaseUnavailableError as error:
        _log.warning("delivery_not_traced", delivery_id=str(owed.id), reason=error.message)
        return None
