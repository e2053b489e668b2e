"""Who asks: ``Authorization: Bearer gq_…`` to the tenant whose key it is.

Keys are compared by their keyed digest, in the database, so the time of a comparison tells
nothing of a key. A revoked key works for up to ``FRESH`` longer.
"""

import asyncio
from collections import OrderedDict
from datetime import timedelta
from typing import Final, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.api_keys import digest_of
from infra.clock import Clock
from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant, tenant_of_digest
from schemas.errors import UnauthenticatedError

Value = TypeVar("Value")

FRESH: Final = timedelta(seconds=5)
_REMEMBERED: Final = 10_000
_LONGEST_KEY: Final = 256

_MISSING: Final = "no API key was given; send the header Authorization: Bearer gq_…"
_UNKNOWN: Final = "the API key is not known, or it was revoked"


class KeyRing:
    """Knows the tenants of the keys that were used lately.

    Args:
        engine: Where keys are looked up.
        pepper: Keys the digests.
        clock: Measures how old an answer is.
        remembered: The most keys, good and bad ones each, that are kept in memory.
    """

    def __init__(
        self, engine: AsyncEngine, pepper: str, clock: Clock, *, remembered: int = _REMEMBERED
    ) -> None:
        self._engine = engine
        self._pepper = pepper
        self._clock = clock
        # Apart, so that a flood of invented keys cannot push out the real ones.
        self._tenants = _Recent[Tenant](remembered)
        self._strangers = _Recent[None](remembered)
        self._asked: dict[bytes, asyncio.Task[Tenant | None]] = {}

    async def tenant_of(self, authorization: str | None) -> Tenant:
        """Return whose key the ``Authorization`` header carries.

        Raises:
            UnauthenticatedError: It carries none, or one that is unknown or revoked.
            DatabaseUnavailableError: The key could not be looked up.
        """
        scheme, _, key = (authorization or "").partition(" ")
        digest = digest_of(key.strip()[:_LONGEST_KEY], self._pepper)
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthenticatedError(_MISSING)
        now = self._clock.monotonic()
        tenant = self._tenants.get(digest, now)
        if tenant is not None:
            return tenant
        if self._strangers.has(digest, now):
            raise UnauthenticatedError(_UNKNOWN)
        tenant = await self._look_up(digest)
        if tenant is None:
            raise UnauthenticatedError(_UNKNOWN)
        return tenant

    async def _look_up(self, digest: bytes) -> Tenant | None:
        # One question for all who ask at once: a busy key expires for many requests together.
        asked = self._asked.get(digest)
        if asked is None:
            asked = asyncio.create_task(self._ask(digest))
            self._asked[digest] = asked
            asked.add_done_callback(lambda _: self._asked.pop(digest, None))
        return await asyncio.shield(asked)

    async def _ask(self, digest: bytes) -> Tenant | None:
        async with transaction(self._engine) as connection:
            tenant = await tenant_of_digest(connection, digest)
        until = self._clock.monotonic() + FRESH.total_seconds()
        if tenant is None:
            self._strangers.put(digest, None, until)
        else:
            self._tenants.put(digest, tenant, until)
        return tenant


class _Recent(Generic[Value]):
    """Values that hold until a given time; the oldest go first when there are too many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[bytes, tuple[Value, float]] = OrderedDict()

    def get(self, name: bytes, now: float) -> Value | None:
        found = self._values.get(name)
        return found[0] if found is not None and now < found[1] else None

    def has(self, name: bytes, now: float) -> bool:
        found = self._values.get(name)
        return found is not None and now < found[1]

    def put(self, name: bytes, value: Value, until: float) -> None:
        self._values[name] = (value, until)
        self._values.move_to_end(name)
        if len(self._values) > self._limit:
            self._values.popitem(last=False)
