"""API keys in the SDK: ``client.keys`` of ``Genq`` and ``AsyncGenq``."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from genq.async_transport import AsyncTransport
from genq.calls import Call, Exchange, found_in, place, query_of, sending
from genq.job_requests import When
from genq.key_models import ApiKey, Tenant, read_key, read_keys, read_tenant
from genq.pages import AsyncPages, Found, Page
from genq.transport import Transport

_PATH: Final = "/v1/keys"


class Keys:
    """The API keys of the key's owner."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        *,
        scopes: Sequence[str] | None = None,
        expires_at: When | None = None,
    ) -> ApiKey:
        """Make a key; its ``key`` is shown this once.

        Args:
            name: What it is for.
            scopes: Such as ``["jobs:read"]``; else what the key in use may do.
            expires_at: An instant, or seconds from now; else never.

        Raises:
            PermissionDeniedError: The key in use may not make keys, or not such a one.
        """
        return self._transport.run(_create(name, scopes, expires_at))

    def list(self, *, limit: int | None = None, after: str | None = None) -> Page[ApiKey]:
        """Return keys, newest first: iterate over the page to get them all."""
        query = {"limit": limit, "after": after}
        return Page(lambda wanted: self._transport.run(_page(wanted)), query)

    def get(self, key_id: str) -> ApiKey:
        """Return a key.

        Raises:
            NotFoundError: There is no such key.
        """
        return self._transport.run(_get(key_id))

    def rotate(
        self,
        key_id: str,
        *,
        overlap: float | timedelta | None = None,
        expires_at: When | None = None,
    ) -> ApiKey:
        """Make a key in place of another, which works on for the overlap.

        Args:
            key_id: The old key's id.
            overlap: How long the old one works on, a day if not given; a number is seconds.
            expires_at: When the new one ends; else as the old one would have.

        Raises:
            ConflictError: It has ended, or was rotated before.
        """
        return self._transport.run(_rotate(key_id, overlap, expires_at))

    def revoke(self, key_id: str) -> ApiKey:
        """End a key for good."""
        return self._transport.run(_revoke(key_id))


class AsyncKeys:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Keys``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        name: str,
        *,
        scopes: Sequence[str] | None = None,
        expires_at: When | None = None,
    ) -> ApiKey:
        """Make a key; its ``key`` is shown this once."""
        return await self._transport.run(_create(name, scopes, expires_at))

    def list(self, *, limit: int | None = None, after: str | None = None) -> AsyncPages[ApiKey]:
        """Return keys, newest first: iterate over the page to get them all."""
        query = {"limit": limit, "after": after}
        return AsyncPages(lambda wanted: self._transport.run(_page(wanted)), query)

    async def get(self, key_id: str) -> ApiKey:
        """Return a key."""
        return await self._transport.run(_get(key_id))

    async def rotate(
        self,
        key_id: str,
        *,
        overlap: float | timedelta | None = None,
        expires_at: When | None = None,
    ) -> ApiKey:
        """Make a key in place of another, which works on for the overlap."""
        return await self._transport.run(_rotate(key_id, overlap, expires_at))

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key for good."""
        return await self._transport.run(_revoke(key_id))


def show_tenant() -> Exchange[Tenant]:
    """Read the tenant that the key in use belongs to."""
    return read_tenant(found_in((yield Call("GET", "/v1/tenant"))))


# What makes a key is never sent twice: the answer that was lost had the only copy of it.


def _create(
    name: str, scopes: Sequence[str] | None, expires_at: When | None
) -> Exchange[ApiKey]:
    body = {"name": name, "scopes": scopes, "expires_at": expires_at}
    return read_key(found_in((yield sending("POST", _PATH, body, "the key"))))


def _rotate(
    key_id: str, overlap: float | timedelta | None, expires_at: When | None
) -> Exchange[ApiKey]:
    seconds = overlap.total_seconds() if isinstance(overlap, timedelta) else overlap
    body = {"overlap": seconds, "expires_at": expires_at}
    call = sending("POST", f"{_place(key_id)}/rotate", body, "the rotation")
    return read_key(found_in((yield call)))


def _page(query: Mapping[str, object]) -> Exchange[Found[ApiKey]]:
    return read_keys(found_in((yield Call("GET", _PATH, query=query_of(query)))))


def _get(key_id: str) -> Exchange[ApiKey]:
    return read_key(found_in((yield Call("GET", _place(key_id)))))


def _revoke(key_id: str) -> Exchange[ApiKey]:
    return read_key(found_in((yield Call("DELETE", _place(key_id)))))


def _place(key_id: str) -> str:
    return place("key_", key_id, _PATH)
