"""Sends one delivery once. Webhooks are the first kind of receiver; a chat will be another."""

import binascii
import contextlib
from datetime import timedelta
from typing import Final, Protocol

import aiohttp
import structlog

from infra.clock import Clock
from infra.http.outbound import OutboundPolicy
from infra.postgres.delivery import Owed
from schemas.errors import OutboundRefusedError
from schemas.ids import format_id
from schemas.signature import sign
from worker.delivery.failures import detail_of_failure, outcome_of_failure, storable
from worker.delivery.schedule import Outcome, Result, outcome_of_status
from worker.delivery.spans import trace_headers

# What a receiver may answer before the connection is closed instead of used again.
LARGEST_ANSWER: Final = 16 * 1024
_CONNECT_SECONDS: Final = 5.0

_log: Final = structlog.get_logger()


class Sender(Protocol):
    """Delivers events of one kind of receiver."""

    async def send(self, owed: Owed) -> Result:
        """Try once and say what came of it. Never raises, but for cancellation."""
        ...


class WebhookSender:
    """POSTs the event's stored bytes, signed anew for each attempt.

    Args:
        session: Made by ``infra.http.outbound``, which checks every address it dials.
        policy: Where requests may go.
        clock: Signs and measures.
        timeout: One whole attempt. (aiohttp rounds more than 5 s up to whole seconds.)
        user_agent: ``genq/<version>``.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        policy: OutboundPolicy,
        *,
        clock: Clock,
        timeout: timedelta,
        user_agent: str,
    ) -> None:
        self._session = session
        self._policy = policy
        self._clock = clock
        # In all, from the look-up of the name to the last byte that is read.
        self._timeout = aiohttp.ClientTimeout(
            total=timeout.total_seconds(), sock_connect=_CONNECT_SECONDS
        )
        self._user_agent = user_agent

    async def send(self, owed: Owed) -> Result:
        """POST once and say what came of it."""
        began = self._clock.monotonic()
        status, retry_after, detail = None, None, None
        try:
            response = await self._exchange(owed, self._prepare(owed))
        except _CannotSendError as error:
            outcome, detail = error.outcome, storable(str(error))
        except Exception as error:  # noqa: BLE001 - whatever a receiver provokes ends this attempt alone
            outcome, detail = outcome_of_failure(error), detail_of_failure(error)
            if outcome is Outcome.INTERNAL:
                _log.warning("webhook_not_sent", delivery_id=str(owed.id), exc_info=error)
        else:
            status = response.status
            retry_after = response.headers.get("Retry-After")
            outcome = outcome_of_status(status, retry_after=retry_after, at=self._clock.now())
            if outcome is Outcome.REDIRECT:
                detail = "location: " + storable(response.headers.get("Location", ""))
        duration = timedelta(seconds=self._clock.monotonic() - began)
        return Result(outcome, duration, status, retry_after, detail)

    async def _exchange(self, owed: Owed, headers: dict[str, str]) -> aiohttp.ClientResponse:
        """Return the closed response; its head is complete, its body may not be."""
        response = await self._session.post(
            owed.url,
            data=owed.body,
            headers=headers,
            allow_redirects=False,
            timeout=self._timeout,
        )
        try:
            # The head has decided: a body that is cut, slow or broken changes nothing.
            with contextlib.suppress(Exception):
                await _drop_body(response)
        finally:
            response.close()
        return response

    def _prepare(self, owed: Owed) -> dict[str, str]:
        try:
            self._policy.check_url(owed.url)
        except OutboundRefusedError as error:
            raise _CannotSendError(Outcome.REFUSED, error.message) from None
        return self._headers(owed)

    def _headers(self, owed: Owed) -> dict[str, str]:
        if owed.body is None:
            raise _CannotSendError(Outcome.REFUSED, "the event is past its retention")
        if owed.secret is None:
            raise _CannotSendError(Outcome.REFUSED, "the tenant is gone")
        try:
            signed = sign(
                owed.secret,
                message_id=format_id("evt", owed.event_id),
                at_seconds=int(self._clock.now().timestamp()),
                body=owed.body,
            )
        except binascii.Error:
            detail = "the tenant's webhook secret is not whsec_ and base64"
            raise _CannotSendError(Outcome.INTERNAL, detail) from None
        return {
            **signed,
            "content-type": "application/json",
            "user-agent": self._user_agent,
            "genq-delivery-id": str(owed.id),
            "genq-attempt": str(owed.fence),
            "genq-trigger": "scheduled",
            **trace_headers(),
        }


class _CannotSendError(Exception):
    """There is nothing that could be sent."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


async def _drop_body(response: aiohttp.ClientResponse) -> None:
    """Read the answer's end if it is near, so that the connection can be used again."""
    left = LARGEST_ANSWER
    while left > 0:
        piece = await response.content.readany()
        if not piece:
            return
        left -= len(piece)
