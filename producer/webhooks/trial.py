"""Tests of endpoints: a sample goes the way of every event, and its attempt is waited for."""

import asyncio
import contextlib
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.doorbells import DELIVER, Doorbells
from infra.new_ids import new_key
from infra.postgres.endpoint_changes import wake_lane
from infra.postgres.endpoint_tests import TrialAttempt, attempt_of_test, take_back
from infra.postgres.endpoints import get_endpoint
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.publish import Publication, publish_events
from producer.webhooks.endpoints import there
from producer.webhooks.samples import sample_event
from schemas.errors import DatabaseUnavailableError, FieldError, InputError
from schemas.events import EventType, OutboxKind
from schemas.webhook_endpoint import Endpoint
from schemas.webhook_errors import EndpointTestFailedError, EndpointTestNotSentError
from schemas.webhook_json import Answered
from schemas.webhooks import Trigger

# Beyond the endpoint's own timeout: to be fetched, sent and recorded.
_PATIENCE_SECONDS: Final = 3.0
_FIRST_LOOK_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.25
_WAKE_SECONDS: Final = 1.0


class Trials:
    """Sends samples to endpoints, as the API's callers ask for them.

    Args:
        engine: PostgreSQL; whatever its isolation, these transactions are whole.
        doorbells: Tells senders.
        clock: Measures patience.
        public_url: For the links in samples, without a final slash.
    """

    def __init__(
        self, engine: AsyncEngine, doorbells: Doorbells, clock: Clock, public_url: str
    ) -> None:
        self._engine = whole_transactions(engine)
        self._doorbells = doorbells
        self._clock = clock
        self._public_url = public_url

    async def run(self, tenant_id: int, endpoint_id: UUID, event_type: str) -> Answered:
        """Send a sample to an endpoint, be it disabled, and wait for the answer.

        Raises:
            NotFoundError: The tenant has no such endpoint.
            InputError: Nothing is ever sent of this type.
            EndpointTestFailedError: It did not answer.
            EndpointTestNotSentError: It was not sent in time; it will not be sent any more.
        """
        wanted = _type_of(event_type)
        event_id, endpoint = await self._publish(tenant_id, endpoint_id, wanted)
        patience = endpoint.config.timeout_s + _PATIENCE_SECONDS
        attempt = await self._wait(endpoint, event_id, patience)
        if attempt is None:
            await self._take_back(tenant_id, event_id)
            raise EndpointTestNotSentError(
                f"the test was not sent within {patience:g} s, and will not be any more: no "
                "delivery process runs, or they are all busy"
            )
        if attempt.status is None:
            why = f": {attempt.detail}" if attempt.detail else ""
            raise EndpointTestFailedError(
                f"the endpoint did not answer the test: {attempt.outcome}{why}"
            )
        return Answered(
            event_id=event_id,
            status=attempt.status,
            delivered=attempt.delivered,
            outcome=attempt.outcome,
            detail=attempt.detail,
            duration_ms=attempt.duration_ms,
        )

    async def _publish(
        self, tenant_id: int, endpoint_id: UUID, event_type: EventType
    ) -> tuple[UUID, Endpoint]:
        key = new_key()
        async with transaction(self._engine) as connection:
            found = await get_endpoint(connection, tenant_id, endpoint_id)
            endpoint = there(found, endpoint_id)
            bodies = sample_event(
                key,
                event_type,
                endpoint,
                at=self._clock.now(),
                public_url=self._public_url,
            )
            publication = Publication(
                id=key,
                tenant_id=tenant_id,
                kind=OutboxKind.TEST,
                type=event_type.value,
                body=bodies.full,
                thin=bodies.thin,
                endpoint_id=endpoint_id,
                trigger=Trigger.TEST,
            )
            await publish_events(connection, [publication])
        return key, endpoint

    async def _wait(
        self, endpoint: Endpoint, event_id: UUID, patience: float
    ) -> TrialAttempt | None:
        """Look again and again: a test is rare, and its answer is a row like any other."""
        began, pause = self._clock.monotonic(), _FIRST_LOOK_SECONDS
        wake_at = began
        while (now := self._clock.monotonic()) < began + patience:
            if now >= wake_at:
                await self._wake(endpoint)
                wake_at = now + _WAKE_SECONDS
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
            async with transaction(self._engine) as connection:
                attempt = await attempt_of_test(connection, endpoint.tenant_id, event_id)
            if attempt is not None:
                return attempt
        return None

    async def _wake(self, endpoint: Endpoint) -> None:
        """Have the lane looked at, however its receiver does.

        Again and again: an owner that lets go of the lane of a disabled endpoint just now says
        that nothing of it is due.
        """
        async with transaction(self._engine) as connection:
            await wake_lane(connection, endpoint)
        await self._doorbells.ring(DELIVER)

    async def _take_back(self, tenant_id: int, event_id: UUID) -> None:
        with contextlib.suppress(DatabaseUnavailableError):
            async with transaction(self._engine) as connection:
                await take_back(connection, tenant_id, event_id)


def _type_of(event_type: str) -> EventType:
    try:
        return EventType(event_type)
    except ValueError:
        known = ", ".join(EventType)
        fault = FieldError("/event_type", f"nothing is ever sent of this type; known: {known}")
        raise InputError("the body is not acceptable", fields=[fault]) from None
