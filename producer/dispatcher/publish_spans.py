"""The spans of what a dispatcher publishes: one a job, in the trace of its submit."""

from collections.abc import Sequence
from contextlib import ExitStack

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.broker import Carrier
from infra.postgres.engine import transaction
from infra.postgres.traces import traceparents
from infra.telemetry.tracing import TRACING, SpanKind, span
from producer.dispatcher.turn import Publish
from schemas.errors import DatabaseUnavailableError
from schemas.ids import format_id

_log = structlog.get_logger()


def traced(publish: Publish, engine: AsyncEngine) -> Publish:
    """Return ``publish`` with spans around it; itself while traces are off."""
    if TRACING.tracer is None:
        return publish

    async def publish_traced(carriers: Sequence[Carrier]) -> None:
        ids = [pointer.job_id for carrier in carriers for pointer in carrier.pointers]
        try:
            async with transaction(engine) as connection:
                parents = await traceparents(connection, ids)
        except DatabaseUnavailableError as error:
            # What was released goes out in any case.
            _log.warning("publish_not_traced", reason=error.message)
            parents = {}
        with ExitStack() as spans:
            for carrier in carriers:
                for pointer in carrier.pointers:
                    parent = parents.get(pointer.job_id)
                    if parent is not None:
                        about = _about(carrier, format_id("job", pointer.job_id))
                        name = f"publish {carrier.lane.queue}"
                        spans.enter_context(
                            span(name, SpanKind.PRODUCER, parent=parent, attributes=about)
                        )
            await publish(carriers)

    return publish_traced


def _about(carrier: Carrier, job: str) -> dict[str, str | int]:
    return {
        "messaging.system": "celery",
        "messaging.destination.name": carrier.lane.queue,
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.message.id": job,
        "messaging.batch.message_count": len(carrier.pointers),
    }
