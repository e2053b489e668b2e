"""Who asks: ``Authorization: Bearer gq_…`` to the tenant whose key it is, and what it may do.

Keys are compared by their keyed digest, in the database, so the time of a comparison tells
nothing of a key. A key that was revoked, and a tenant that was suspended, go on for up to
``FRESH`` longer; an expiry holds to the instant.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from infra.api_keys import digest_of
from infra.clock import Clock
from infra.portal_tokens import PORTAL_PREFIX, PortalGrant, PortalTokens
from infra.postgres.api_keys import FoundKey, find_key
from infra.postgres.engine import transaction
from infra.postgres.portal_links import PortalLink, find_portal_link
from infra.postgres.tenants import Caller, Tenant
from infra.telemetry.metrics import CACHE_REQUESTS
from producer.api.key_uses import KeyUses
from schemas.errors import GenqError, NotFoundError, UnauthenticatedError
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.permission_errors import PermissionDeniedError, TenantSuspendedError
from schemas.scopes import KeyScope

Value = TypeVar("Value")

CALLER: Final = "genq.caller"
"""Where a request's scope keeps its ``Caller``."""

FRESH: Final = timedelta(seconds=5)
_REMEMBERED: Final = 10_000
_LONGEST_KEY: Final = 256

_HITS: Final = CACHE_REQUESTS.labels("keys", "hit")
_MISSES: Final = CACHE_REQUESTS.labels("keys", "miss")

_MISSING: Final = "no API key was given; send the header Authorization: Bearer gq_…"
_UNKNOWN: Final = "the API key is not known to this server"
_LINK_ENDED: Final = "the portal link has expired, or was revoked; ask for another one"
# Of a portal link's rights: they are bound to routes, not to scopes.
_NO_SCOPES: Final = frozenset[KeyScope]()


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a key does not work; the error is made anew each time it is raised."""

    error: type[GenqError]
    message: str


_STRANGER: Final = _Refusal(UnauthenticatedError, _UNKNOWN)
_ENDED: Final = _Refusal(UnauthenticatedError, _LINK_ENDED)


class KeyRing:
    """Knows the callers of the keys that were used lately.

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
        self._portal = PortalTokens(pepper)
        self._clock = clock
        # Apart, so that a flood of invented keys cannot push out the real ones.
        self._callers = _Recent[Caller](remembered)
        self._refused = _Recent[_Refusal](remembered)
        self._asked: dict[bytes, asyncio.Task[Caller | _Refusal]] = {}
        self._uses = KeyUses(engine)

    async def caller_of(self, authorization: str | None) -> Caller:
        """Return whose key the ``Authorization`` header carries.

        Raises:
            UnauthenticatedError: It carries none, or one that is unknown, revoked or expired.
            TenantSuspendedError: The key is good, but its tenant is suspended.
            DatabaseUnavailableError: The key could not be looked up.
        """
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()[:_LONGEST_KEY]
        digest = digest_of(key, self._pepper)
        if scheme.lower() != "bearer" or not key:
            raise UnauthenticatedError(_MISSING)
        now = self._clock.monotonic()
        known = self._callers.get(digest, now) or self._refused.get(digest, now)
        (_MISSES if known is None else _HITS).inc()
        known = known or await self._look_up(digest, key)
        if isinstance(known, _Refusal):
            raise known.error(known.message)
        return known

    async def close(self) -> None:
        """Write which keys were used."""
        await self._uses.close()

    async def _look_up(self, digest: bytes, key: str) -> Caller | _Refusal:
        # One question for all who ask at once: a busy key expires for many requests together.
        asked = self._asked.get(digest)
        if asked is None:
            ask = self._ask_portal if key.startswith(PORTAL_PREFIX) else self._ask
            asked = asyncio.create_task(ask(digest, key))
            self._asked[digest] = asked
            asked.add_done_callback(lambda _: self._asked.pop(digest, None))
        return await asyncio.shield(asked)

    async def _ask(self, digest: bytes, _: str) -> Caller | _Refusal:
        async with transaction(self._engine) as connection:
            found = await find_key(connection, digest)
        refusal = _refusal(found)
        fresh = FRESH.total_seconds()
        if found is None or refusal is not None:
            known = refusal or _STRANGER
            self._refused.put(digest, known, self._clock.monotonic() + fresh)
            return known
        if found.seconds_left is not None:
            fresh = min(fresh, found.seconds_left)
        self._callers.put(digest, found.caller, self._clock.monotonic() + fresh)
        # A key in use is looked up every few seconds: no other use needs to be noted.
        if found.unnoted:
            self._uses.note(found.caller.key_id)
        return found.caller

    async def _ask_portal(self, digest: bytes, token: str) -> Caller | _Refusal:
        grant = self._portal.read(token)
        link: PortalLink | None = None
        if grant is not None:
            async with transaction(self._engine) as connection:
                link = await find_portal_link(connection, grant)
        now, fresh = self._clock.monotonic(), FRESH.total_seconds()
        if grant is None or link is None:
            self._refused.put(digest, _STRANGER, now + fresh)
            return _STRANGER
        refusal = _refusal_of_link(link)
        if refusal is not None:
            self._refused.put(digest, refusal, now + fresh)
            return refusal
        caller = _visitor(grant, link)
        self._callers.put(digest, caller, now + min(fresh, link.seconds_left))
        return caller


def caller_of(request: Request) -> Caller:
    """Return who asks."""
    caller: Caller = request.scope[CALLER]
    return caller


def require(caller: Caller, scope: KeyScope) -> None:
    """Let nobody pass whose key has not ``scope``.

    Raises:
        PermissionDeniedError: It has not; the message names the scope.
    """
    if scope not in caller.scopes:
        held = ", ".join(sorted(caller.scopes)) or "none"
        raise PermissionDeniedError(
            f"this call needs the scope {scope.value}; the API key {caller.key_prefix}… has "
            f"{held}: use another key, or have one made with this scope"
        )


def keep_to_portal(endpoint_id: UUID, request: Request, *, allowed: bool) -> None:
    """Let a portal link's token reach its endpoint, and nothing else that there is.

    Raises:
        NotFoundError: The call is about something else.
    """
    shown = format_id("whe", endpoint_id)
    if not allowed or request.path_params.get("endpoint_id") != shown:
        raise NotFoundError(f"a portal link leads to webhook endpoint {shown} alone")


def _visitor(grant: PortalGrant, link: PortalLink) -> Caller:
    return Caller(
        tenant=link.tenant,
        key_id=grant.endpoint_id,
        key_prefix=format_id("whe", grant.endpoint_id),
        scopes=_NO_SCOPES,
        portal=grant.endpoint_id,
    )


def _refusal_of_link(link: PortalLink) -> _Refusal | None:
    if link.revoked or link.seconds_left <= 0:
        return _ENDED
    if link.tenant.suspended:
        return _suspended(link.tenant)
    return None


def _suspended(tenant: Tenant) -> _Refusal:
    return _Refusal(
        TenantSuspendedError,
        f"tenant {tenant.name} is suspended; ask the operator of this server",
    )


def _refusal(found: FoundKey | None) -> _Refusal | None:
    if found is None:
        return _STRANGER
    if found.revoked_at is not None:
        told = f"the API key {found.caller.key_prefix}… was revoked at"
        return _Refusal(UnauthenticatedError, f"{told} {iso_ms(found.revoked_at)}; use another")
    if found.expires_at is not None and (found.seconds_left or 0) <= 0:
        told = f"the API key {found.caller.key_prefix}… expired at"
        return _Refusal(UnauthenticatedError, f"{told} {iso_ms(found.expires_at)}; use another")
    return _suspended(found.caller.tenant) if found.caller.tenant.suspended else None


class _Recent(Generic[Value]):
    """Values that hold until a given time; the oldest go first when there are too many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[bytes, tuple[Value, float]] = OrderedDict()

    def get(self, name: bytes, now: float) -> Value | None:
        found = self._values.get(name)
        return found[0] if found is not None and now < found[1] else None

    def put(self, name: bytes, value: Value, until: float) -> None:
        self._values[name] = (value, until)
        self._values.move_to_end(name)
        if len(self._values) > self._limit:
            self._values.popitem(last=False)
