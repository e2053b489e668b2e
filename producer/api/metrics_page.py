"""``GET /metrics``: this process's counters, and the backlog as PostgreSQL counts it.

The gauges come from the database, so they survive restarts and need one scrape target only.
"""

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.health import Backlog, backlog
from infra.telemetry.metrics import JOBS, QUEUE_OLDEST_JOB_AGE_SECONDS
from producer.api.services import Services
from schemas.errors import DatabaseUnavailableError
from schemas.job_states import JobState
from schemas.lanes import Lane

FRESH: Final = timedelta(seconds=5)
_PATIENCE_SECONDS: Final = 2.0

_log = structlog.get_logger()


class BacklogGauges:
    """Sets the backlog's gauges, by the database, at most every ``FRESH``."""

    def __init__(self) -> None:
        self._due = 0.0
        self._refreshing = asyncio.Lock()

    async def refresh(self, services: Services) -> None:
        """Bring the gauges up to date; without a database there are none."""
        async with self._refreshing:
            now = services.clock.monotonic()
            if now < self._due:
                return
            try:
                async with (
                    asyncio.timeout(_PATIENCE_SECONDS),
                    transaction(services.engine) as connection,
                ):
                    counted = await backlog(connection)
            except (DatabaseUnavailableError, TimeoutError) as error:
                _log.warning("backlog_not_counted", error_type=type(error).__name__)
                JOBS.clear()
                QUEUE_OLDEST_JOB_AGE_SECONDS.clear()
                return
            self._due = now + FRESH.total_seconds()
            show_backlog(counted)


def show_backlog(counted: list[Backlog]) -> None:
    """Set the gauges; what was not counted is zero, so that no series vanishes."""
    for lane in Lane:
        QUEUE_OLDEST_JOB_AGE_SECONDS.labels(lane.value).set(0)
        for state in JobState:
            if not state.final:
                JOBS.labels(lane.value, state.name.lower()).set(0)
    for row in counted:
        JOBS.labels(row.lane.value, row.state.name.lower()).set(row.jobs)
        if row.state is JobState.READY:
            QUEUE_OLDEST_JOB_AGE_SECONDS.labels(row.lane.value).set(row.oldest_seconds)


async def show_metrics(services: Services, gauges: BacklogGauges, request: Request) -> Response:
    """Answer in Prometheus's text format."""
    del request
    await gauges.refresh(services)
    return Response(generate_latest(), 200, {"content-type": CONTENT_TYPE_LATEST})
