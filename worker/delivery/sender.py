"""Sends one delivery once. Webhooks are the first kind of receiver; a chat will be another."""

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

import structlog

from infra.clock import Clock
from infra.http.client_certificates import ClientCertificates
from infra.http.dial_watch import DialWatch
from infra.http.opening import Outbound
from infra.http.posting import Target
from infra.postgres.delivery import Owed
from schemas.errors import OutboundRefusedError
from schemas.ids import format_id
from schemas.receiver import Receiver
from schemas.signature import sign
from schemas.webhook_headers import is_reserved
from schemas.webhooks import AuthKind, Signatures
from worker.delivery.answer import Answer, storable
from worker.delivery.credentials import Credentials
from worker.delivery.exchange import Envelope, Exchange
from worker.delivery.failures import CannotSendError, detail_of_failure, outcome_of_failure
from worker.delivery.flags import flag_headers
from worker.delivery.schedule import Outcome, Result, outcome_of_status
from worker.delivery.spans import trace_headers
from worker.delivery.tokens import Tokens

_URLS_KEPT: Final = 4096

_log: Final = structlog.get_logger()


class Sender(Protocol):
    """Delivers events of one kind of receiver."""

    async def send(self, owed: Owed, receiver: Receiver) -> Result:
        """Try once and say what came of it. Never raises, but for cancellation.

        Args:
            owed: What, as which attempt (``owed.attempt``) and why (``owed.trigger``, a probe
                of an open breaker included).
            receiver: To whom, with its secrets opened: ``receiver.url or owed.url``, and
                ``owed.content(receiver.payload)``.
        """
        ...


class _Failure(NamedTuple):
    """Why there is no answer."""

    outcome: Outcome
    detail: str
    retry_after: str | None = None


class WebhookSender:
    """POSTs the event's stored bytes, signed anew for each attempt.

    Args:
        outbound: The way out, which checks every address it dials.
        clock: Signs and measures.
        user_agent: ``genq/<version>``.
        certificates: Of mutual TLS, closed by who made them; by the system's roots if not
            given.
    """

    def __init__(
        self,
        outbound: Outbound,
        *,
        clock: Clock,
        user_agent: str,
        certificates: ClientCertificates | None = None,
    ) -> None:
        self._outbound = outbound
        # Of endpoints it is the same again and again.
        self._target = lru_cache(_URLS_KEPT)(self._checked)
        self._clock = clock
        self._user_agent = user_agent
        tokens = Tokens(outbound, clock=clock, user_agent=user_agent)
        self._credentials = Credentials(tokens, certificates or ClientCertificates())

    async def send(self, owed: Owed, receiver: Receiver) -> Result:
        """POST once and say what came of it."""
        began = self._clock.monotonic()
        came: Answer | _Failure
        with DialWatch(self._clock.monotonic) as watch:
            try:
                came = await self._deliver(owed, receiver, watch)
            except CannotSendError as error:
                came = _Failure(error.outcome, storable(str(error)), error.retry_after)
            except Exception as error:  # noqa: BLE001 - whatever a receiver provokes ends this attempt alone
                outcome = outcome_of_failure(error, watch)
                came = _Failure(outcome, detail_of_failure(error, watch))
                if outcome is Outcome.INTERNAL:
                    _log.warning("webhook_not_sent", delivery_id=str(owed.id), exc_info=error)
        return self._result(came, watch, timedelta(seconds=self._clock.monotonic() - began))

    async def _deliver(self, owed: Owed, receiver: Receiver, watch: DialWatch) -> Answer:
        seconds = receiver.timeout.total_seconds()
        plain = receiver.auth_kind is AuthKind.NONE
        body, target = _content_of(owed, receiver), self._target_of(owed, receiver)
        tls = None if plain else await self._credentials.tls(receiver, seconds=seconds)
        envelope = Envelope(target, body, receiver.tenant_id, tls)
        headers = self._headers(owed, receiver, body)
        exchange = Exchange(self._outbound, envelope, watch, seconds=seconds)
        if plain:
            return await exchange.answer(headers)
        return await self._with_credentials(exchange, headers, receiver, seconds=seconds)

    async def _with_credentials(
        self,
        exchange: Exchange,
        headers: Mapping[str, str],
        receiver: Receiver,
        *,
        seconds: float,
    ) -> Answer:
        authorization = await self._credentials.authorization(receiver, seconds=seconds)
        answer = await exchange.answer(_with(headers, authorization))
        refused = answer.status == HTTPStatus.UNAUTHORIZED
        if refused and self._credentials.renews(receiver, authorization):
            left = exchange.left
            authorization = await self._credentials.authorization(receiver, seconds=left)
            answer = await exchange.answer(_with(headers, authorization))
        return answer

    def _target_of(self, owed: Owed, receiver: Receiver) -> Target:
        try:
            return self._target(receiver.url or owed.url)
        except OutboundRefusedError as error:
            raise CannotSendError(Outcome.REFUSED, error.message) from None

    def _checked(self, url: str) -> Target:
        self._outbound.policy.check_url(url)
        return Target(url)

    def _headers(self, owed: Owed, receiver: Receiver, body: bytes) -> dict[str, str]:
        wanted = receiver.signatures
        secrets = receiver.secrets if Signatures.V1 in wanted else ()
        private_keys = receiver.private_keys if Signatures.V1A in wanted else ()
        if not secrets and not private_keys and receiver.endpoint_id is None:
            raise CannotSendError(Outcome.REFUSED, "the tenant is gone")
        try:
            signed = sign(
                *secrets,
                private_keys=private_keys,
                message_id=format_id("evt", owed.event_id),
                at_seconds=int(self._clock.now().timestamp()),
                body=body,
            )
        except ValueError as error:
            raise CannotSendError(Outcome.INTERNAL, str(error)) from None
        own = {n: v for n, v in receiver.headers.items() if not is_reserved(n)}
        return {
            **own,
            **signed,
            "content-type": "application/json",
            "user-agent": self._user_agent,
            "genq-delivery-id": format_id("whd", owed.id),
            "genq-attempt": str(owed.attempt),
            "genq-trigger": owed.trigger.word,
            **flag_headers(body),
            **trace_headers(),
        }

    def _result(self, came: Answer | _Failure, watch: DialWatch, duration: timedelta) -> Result:
        # Of an open connection through a proxy, the address is the proxy's.
        address = None if self._outbound.proxied else watch.address
        asked = came.retry_after
        if isinstance(came, _Failure):
            return Result(
                came.outcome,
                duration,
                detail=came.detail,
                retry_after=asked,
                address=address,
                dns_ms=watch.dns_ms,
                connect_ms=watch.connect_ms,
                tls_ms=watch.tls_ms,
            )
        outcome = outcome_of_status(came.status, retry_after=asked, at=self._clock.now())
        redirected = outcome is Outcome.REDIRECT
        return Result(
            outcome,
            duration,
            status=came.status,
            retry_after=asked,
            detail="location: " + came.headers.get("location", "") if redirected else None,
            address=address,
            dns_ms=watch.dns_ms,
            connect_ms=watch.connect_ms,
            tls_ms=watch.tls_ms,
            first_byte_ms=watch.until(came.first_byte),
            request_id=came.request_id,
            answer_headers=came.headers,
            answer_body=came.body,
            delivery_control=came.control,
        )


def _content_of(owed: Owed, receiver: Receiver) -> bytes:
    body = owed.content(receiver.payload)
    if body is None:
        raise CannotSendError(Outcome.DISCARDED, "the event is past its retention")
    if not body:
        raise CannotSendError(Outcome.DISCARDED, "the event's content was erased")
    return body


def _with(headers: Mapping[str, str], authorization: str | None) -> Mapping[str, str]:
    """Return the headers with our own ``Authorization`` in place of the owner's, if any."""
    if authorization is None:
        return headers
    others = {name: v for name, v in headers.items() if name.lower() != "authorization"}
    return {**others, "authorization": authorization}
