"""``GET /metrics``: this process's counters, and how much there is of everything that piles up.

What piles up is asked of the database, so it survives restarts and needs one scrape target.
"""

import asyncio
import hmac
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.health import probe
from infra.postgres.state_counts import active_users
from infra.telemetry.state_metrics import (
    ACTIVE_USERS,
    DEPENDENCY_UP,
    StateGauge,
    States,
    Values,
)
from producer.api.patience import within
from producer.api.services import Services
from producer.api.state_values import count_states
from schemas.errors import (
    DatabaseUnavailableError,
    UnauthenticatedError,
    ValkeyUnavailableError,
)

FRESH: Final = timedelta(seconds=5)
# A look at five minutes of jobs costs more than one at the queue, and changes more slowly.
USERS_FRESH: Final = timedelta(seconds=30)
_PATIENCE_SECONDS: Final = 2.0
# Shorter than Prometheus's own patience.
_COUNTING_SECONDS: Final = 6.0
# Counting a very long queue takes its time: no more than a twentieth of it all goes there.
_REST_PER_LOOK: Final = 20

_log = structlog.get_logger()


class StatePage:
    """Brings the gauges up to date, at most every ``FRESH``, and prints them."""

    def __init__(self) -> None:
        self._states = States()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self._states)
        self._due = 0.0
        self._users_due = 0.0
        self._refreshing = asyncio.Lock()

    async def text(self, services: Services) -> bytes:
        """Return the gauges in Prometheus's text format; what cannot be read is left out."""
        async with self._refreshing:
            now = services.clock.monotonic()
            if now >= self._due:
                database, valkey = await asyncio.gather(
                    self._ask_database(services, now), _answers(services.doorbells.ping())
                )
                up = {("database",): float(database), ("valkey",): float(valkey)}
                self._states.show({DEPENDENCY_UP: up})
                # Somebody who looks during an outage wants to see its end.
                done = services.clock.monotonic()
                fresh = max(FRESH.total_seconds(), _REST_PER_LOOK * (done - now))
                self._due = done + fresh if database and valkey else 0.0
        return generate_latest(self._registry)

    async def _ask_database(self, services: Services, now: float) -> bool:
        """Return whether it answers; how long it takes to count says nothing of that."""
        answers = await _answers(_probed(services))
        try:
            if answers:
                found = await within(_COUNTING_SECONDS, self._counted(services, now))
                self._states.show(found)
                return True
            reason = "no answer"
        except (DatabaseUnavailableError, TimeoutError) as error:
            reason = type(error).__name__
        _log.warning("states_not_counted", reason=reason)
        self._states.hide(DEPENDENCY_UP)
        self._users_due = 0.0
        return answers

    async def _counted(self, services: Services, now: float) -> Mapping[StateGauge, Values]:
        async with transaction(services.engine) as connection:
            found = dict(await count_states(connection, services.settings))
            if now >= self._users_due:
                found[ACTIVE_USERS] = {(): float(await active_users(connection))}
                self._users_due = now + USERS_FRESH.total_seconds()
        return found


async def show_metrics(services: Services, states: StatePage, request: Request) -> Response:
    """Answer in Prometheus's text format.

    Raises:
        UnauthenticatedError: ``GENQ_METRICS_TOKEN`` is set, and the request does not bear it.
    """
    _check_token(services, request)
    page = generate_latest() + await states.text(services)
    return Response(page, 200, {"content-type": CONTENT_TYPE_LATEST})


def _check_token(services: Services, request: Request) -> None:
    token = services.settings.metrics_token
    if token is None:
        return
    given = request.headers.get("authorization", "").encode()
    wanted = f"Bearer {token.get_secret_value()}".encode()
    if not hmac.compare_digest(given, wanted):
        raise UnauthenticatedError(
            "metrics are read with the operator's own token: Authorization: Bearer and the "
            "value of GENQ_METRICS_TOKEN"
        )


async def _probed(services: Services) -> None:
    async with transaction(services.engine) as connection:
        await probe(connection)


async def _answers(sign_of_life: Coroutine[Any, Any, None]) -> bool:
    try:
        await within(_PATIENCE_SECONDS, sign_of_life)
    except (DatabaseUnavailableError, ValkeyUnavailableError, TimeoutError):
        return False
    return True
