"""Receivers of webhooks as senders need them: read for lanes, with their secrets opened."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.receivers import StoredReceiver, read_receivers
from infra.sealing import Sealer
from schemas.chat import CHAT_SCHEME
from schemas.receiver import Receiver
from schemas.webhook_endpoint import (
    EndpointConfig,
    auth_place,
    headers_place,
    secret_place,
    tenant_secret_place,
)
from schemas.webhook_errors import SealedValueError
from schemas.webhooks import DEFAULT_IN_FLIGHT


@dataclass(frozen=True, slots=True)
class Destination:
    """A receiver, and whether anything may be sent to it.

    Attributes:
        exists: Whether there still is such an endpoint, or such a tenant.
        disabled: Only tests are sent.
        fault: Why it cannot be sent to through our own fault: a secret cannot be opened.
    """

    receiver: Receiver
    exists: bool = True
    disabled: bool = False
    fault: str | None = None


class Destinations:
    """Reads where lanes lead.

    Args:
        sealer: Opens what is stored.
        timeout: One attempt, where the URL came with the job.
        per_lane: In flight at once to one origin, where the URLs come with jobs.
    """

    def __init__(
        self, sealer: Sealer, *, timeout: timedelta, per_lane: int = DEFAULT_IN_FLIGHT
    ) -> None:
        self._sealer = sealer
        self._timeout = timeout
        self._per_lane = per_lane

    async def read(
        self, connection: AsyncConnection, lanes: Collection[int]
    ) -> dict[int, Destination]:
        """Return where lanes lead, as of now. A lane that is gone is missing."""
        stored = await read_receivers(connection, lanes)
        return {lane_id: self._open(one) for lane_id, one in stored.items()}

    def _open(self, stored: StoredReceiver) -> Destination:
        try:
            receiver, fault = self._receiver(stored), None
        except (SealedValueError, ValueError) as error:
            # ValueError: what was sealed is not JSON, or not text.
            receiver, fault = self._plain(stored), str(error)
        return Destination(
            receiver, exists=stored.exists, disabled=stored.disabled, fault=fault
        )

    def _plain(self, stored: StoredReceiver, **secrets: Any) -> Receiver:
        config = stored.config
        return Receiver(
            lane_id=stored.lane_id,
            tenant_id=stored.tenant_id,
            endpoint_id=stored.endpoint_id,
            origin=stored.origin,
            revision=stored.revision,
            **(self._of_jobs(stored.origin) if config is None else _of_endpoint(config)),
            **secrets,
        )

    def _of_jobs(self, origin: str) -> dict[str, Any]:
        if origin.startswith(CHAT_SCHEME):
            return dict(_OF_CHAT)
        return {"timeout": self._timeout, "max_in_flight": self._per_lane}

    def _receiver(self, stored: StoredReceiver) -> Receiver:
        if stored.endpoint_id is None:
            place = tenant_secret_place(stored.tenant_id)
        else:
            place = secret_place(stored.endpoint_id)
        newest = () if stored.tenant_secret is None else (stored.tenant_secret,)
        former = [self._text(sealed, place) for sealed in stored.secrets]
        return self._plain(
            stored,
            secrets=(*newest, *(one for one in former if one not in newest)),
            private_keys=tuple(self._text(sealed, place) for sealed in stored.private_keys),
            **self._of_owner(stored),
        )

    def _of_owner(self, stored: StoredReceiver) -> dict[str, Mapping[str, Any]]:
        if stored.config is None or stored.endpoint_id is None:
            return {}
        headers, auth = stored.config.headers, stored.config.auth
        return {
            "headers": self._json(headers, headers_place(stored.endpoint_id)),
            "auth": self._json(auth, auth_place(stored.endpoint_id)),
        }

    def _json(self, sealed: bytes | None, place: str) -> Mapping[str, Any]:
        return {} if sealed is None else orjson.loads(self._sealer.open(sealed, place=place))

    def _text(self, sealed: bytes, place: str) -> str:
        return self._sealer.open(sealed, place=place).decode()


# After the last one there is no later try: an hour each until a delivery's lifetime is over.
_CHAT_SECONDS: Final = (0.5, 1, 2, 5, 15, 30, 60, 300, 900, 1800, *[3600] * 75)
CHAT_SCHEDULE: Final = tuple(timedelta(seconds=seconds) for seconds in _CHAT_SECONDS)
# Somebody looks at the chat: a platform that is back is found out soon.
_CHAT_PROBE: Final = timedelta(minutes=1)
# Rates are per channel: what one request says of them is known before the next one.
_OF_CHAT: Final = MappingProxyType(
    {"max_in_flight": 1, "schedule": CHAT_SCHEDULE, "longest_probe": _CHAT_PROBE}
)


def _of_endpoint(config: EndpointConfig) -> dict[str, Any]:
    schedule = config.retry_schedule
    return {
        "url": config.url,
        "ordering": config.ordering,
        "payload": config.payload,
        "signatures": config.signatures,
        "max_in_flight": config.max_in_flight,
        "throttle": config.throttle_rate,
        "timeout": timedelta(seconds=config.timeout_s),
        "schedule": None
        if schedule is None
        else tuple(timedelta(seconds=step) for step in schedule),
        "auth_kind": config.auth_kind,
    }
