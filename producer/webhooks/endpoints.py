"""Registered endpoints of tenants: made, listed, changed, switched off and on, deleted."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.doorbells import DELIVER, Doorbells
from infra.new_ids import new_key
from infra.postgres.endpoint_changes import (
    count_endpoints,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    lock_tenant,
    note_what_is_heard,
    touch_endpoint,
    void_portal_links,
    wake_lane,
)
from infra.postgres.endpoint_lanes import lanes_of_endpoints
from infra.postgres.endpoints import (
    change_endpoint,
    get_endpoint,
    insert_endpoint,
    list_endpoints,
)
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.webhook_secrets import secrets_of_endpoints
from infra.sealing import Sealer
from infra.settings import Settings
from producer.webhooks.config import Configurer
from producer.webhooks.secrets import add_key_pair, add_signing_secret, expire
from schemas.audit import Detail
from schemas.errors import NotFoundError
from schemas.ids import format_id
from schemas.webhook_endpoint import NEVER_SENT_TO, Endpoint
from schemas.webhook_errors import TooManyEndpointsError
from schemas.webhook_json import KnownEndpoint
from schemas.webhook_requests import EndpointChange, EndpointRequest
from schemas.webhooks import SecretKind, Signatures


class Endpoints:
    """The registered endpoints in one database.

    Args:
        engine: PostgreSQL; whatever its isolation, these transactions are whole.
        doorbells: Tells senders of a change.
        settings: How many there may be, and where.
        sealer: Seals what is secret.
    """

    def __init__(
        self, engine: AsyncEngine, doorbells: Doorbells, settings: Settings, sealer: Sealer
    ) -> None:
        self._engine = whole_transactions(engine)
        self._doorbells = doorbells
        self._most = settings.webhook_endpoints
        self._sealer = sealer
        self._configurer = Configurer(settings, sealer)

    async def create(
        self, tenant_id: int, wanted: EndpointRequest
    ) -> tuple[KnownEndpoint, str]:
        """Make an endpoint; return it with the secret that signs for it.

        Raises:
            InputError: A URL leads where none may, or credentials are not what they should be.
            TooManyEndpointsError: The tenant has as many as it may have.
        """
        key = new_key()
        config = self._configurer.made(wanted, key)
        async with transaction(self._engine) as connection:
            await lock_tenant(connection, tenant_id)
            if await count_endpoints(connection, tenant_id) >= self._most:
                raise TooManyEndpointsError(
                    f"this tenant has {self._most} webhook endpoints, which is the most: "
                    "delete one, or let one hear of more"
                )
            endpoint = await insert_endpoint(connection, key, tenant_id, config)
            secret = await add_signing_secret(connection, self._sealer, endpoint)
            if Signatures.V1A in config.signatures:
                await add_key_pair(connection, self._sealer, endpoint)
            await note_what_is_heard(connection, tenant_id)
            await _record(connection, "webhook_endpoint.created", endpoint, _told(endpoint))
            return (await self._known(connection, [endpoint]))[0], secret

    async def page(
        self, tenant_id: int, *, limit: int, before: UUID | None = None
    ) -> Sequence[KnownEndpoint]:
        """Return endpoints of a tenant, newest first: those made before ``before``."""
        async with transaction(self._engine) as connection:
            found = await list_endpoints(connection, tenant_id, limit=limit, before=before)
            return await self._known(connection, found)

    async def get(self, tenant_id: int, endpoint_id: UUID) -> KnownEndpoint:
        """Return one endpoint.

        Raises:
            NotFoundError: The tenant has no such endpoint.
        """
        async with transaction(self._engine) as connection:
            found = await get_endpoint(connection, tenant_id, endpoint_id)
            return (await self._known(connection, [there(found, endpoint_id)]))[0]

    async def change(
        self, tenant_id: int, endpoint_id: UUID, change: EndpointChange
    ) -> KnownEndpoint:
        """Change what is given; from the next attempt on it holds.

        Raises:
            NotFoundError: The tenant has no such endpoint.
            InputError: As ``create``.
        """
        async with self._changing(tenant_id, endpoint_id) as (connection, old):
            config = self._configurer.changed(old.config, change, endpoint_id)
            if config == old.config:
                return (await self._known(connection, [old]))[0]
            new = await change_endpoint(connection, old, config)
            known = (await self._known(connection, [new]))[0]
            signs = {one.kind for one in known.secrets}
            if Signatures.V1A in config.signatures and SecretKind.ED25519 not in signs:
                await add_key_pair(connection, self._sealer, new)
                known = (await self._known(connection, [new]))[0]
            await note_what_is_heard(connection, tenant_id)
            await wake_lane(connection, new, afresh=config.url != old.config.url)
            detail = {**_told(new), "changed": _differences(old, new)}
            await _record(connection, "webhook_endpoint.updated", new, detail)
        return known

    async def rotate(
        self, tenant_id: int, endpoint_id: UUID, *, grace_seconds: int
    ) -> tuple[KnownEndpoint, str]:
        """Let new keys sign, and the former ones for ``grace_seconds`` more.

        Raises:
            NotFoundError: The tenant has no such endpoint.
        """
        async with self._changing(tenant_id, endpoint_id) as (connection, old):
            for kind in SecretKind:
                await expire(connection, tenant_id, endpoint_id, kind, grace_seconds)
            new = await touch_endpoint(connection, old)
            secret = await add_signing_secret(connection, self._sealer, new)
            if Signatures.V1A in new.config.signatures:
                await add_key_pair(connection, self._sealer, new)
            await wake_lane(connection, new)
            detail = {"grace_seconds": grace_seconds}
            await _record(connection, "webhook_endpoint.secret_rotated", new, detail)
            return (await self._known(connection, [new]))[0], secret

    async def disable(self, tenant_id: int, endpoint_id: UUID, reason: str) -> KnownEndpoint:
        """Send nothing more to an endpoint; to disable it twice is to disable it once.

        Raises:
            NotFoundError: The tenant has no such endpoint.
        """
        async with self._changing(tenant_id, endpoint_id) as (connection, old):
            new = old
            if old.disabled_at is None:
                new = await disable_endpoint(connection, old, reason)
                await note_what_is_heard(connection, tenant_id)
                await wake_lane(connection, new)
                detail = {"reason": reason}
                await _record(connection, "webhook_endpoint.disabled", new, detail)
            return (await self._known(connection, [new]))[0]

    async def enable(self, tenant_id: int, endpoint_id: UUID) -> KnownEndpoint:
        """Send to an endpoint again, what waited for it first.

        Raises:
            NotFoundError: The tenant has no such endpoint.
        """
        async with self._changing(tenant_id, endpoint_id) as (connection, old):
            new = old
            if old.disabled_at is not None:
                new = await enable_endpoint(connection, old)
                await note_what_is_heard(connection, tenant_id)
                await wake_lane(connection, new, afresh=True)
                await _record(connection, "webhook_endpoint.enabled", new, {})
            return (await self._known(connection, [new]))[0]

    async def delete(self, tenant_id: int, endpoint_id: UUID) -> None:
        """Delete an endpoint and all that it is owed; the log of its attempts stays.

        Raises:
            NotFoundError: The tenant has no such endpoint.
        """
        async with transaction(self._engine) as connection:
            await lock_tenant(connection, tenant_id)
            found = await delete_endpoint(connection, tenant_id, endpoint_id)
            gone = there(found, endpoint_id)
            await note_what_is_heard(connection, tenant_id)
            await _record(connection, "webhook_endpoint.deleted", gone, _told(gone))
        await self._doorbells.ring(DELIVER)

    async def void_links(self, tenant_id: int, endpoint_id: UUID) -> KnownEndpoint:
        """Let no portal link work that was made until now.

        Raises:
            NotFoundError: The tenant has no such endpoint.
        """
        async with self._changing(tenant_id, endpoint_id) as (connection, old):
            new = await void_portal_links(connection, old)
            await _record(connection, "webhook_endpoint.portal_links_revoked", new, {})
            return (await self._known(connection, [new]))[0]

    @asynccontextmanager
    async def _changing(
        self, tenant_id: int, endpoint_id: UUID
    ) -> AsyncGenerator[tuple[AsyncConnection, Endpoint]]:
        async with transaction(self._engine) as connection:
            await lock_tenant(connection, tenant_id)
            found = await get_endpoint(connection, tenant_id, endpoint_id, lock=True)
            yield connection, there(found, endpoint_id)
        await self._doorbells.ring(DELIVER)

    async def _known(
        self, connection: AsyncConnection, endpoints: Sequence[Endpoint]
    ) -> list[KnownEndpoint]:
        if not endpoints:
            return []
        tenant_id, ids = endpoints[0].tenant_id, [one.id for one in endpoints]
        secrets = await secrets_of_endpoints(connection, tenant_id, ids)
        lanes = await lanes_of_endpoints(connection, tenant_id, ids)
        return [
            KnownEndpoint(
                endpoint=one,
                secrets=secrets[one.id],
                lane=lanes.get(one.id, NEVER_SENT_TO),
                header_names=self._configurer.header_names(one.config, one.id),
            )
            for one in endpoints
        ]


def there(endpoint: Endpoint | None, endpoint_id: UUID) -> Endpoint:
    """Return the endpoint.

    Raises:
        NotFoundError: It is ``None``.
    """
    if endpoint is None:
        raise NotFoundError(f"there is no webhook endpoint {format_id('whe', endpoint_id)}")
    return endpoint


def _told(endpoint: Endpoint) -> Detail:
    # The origin alone: a path, or a query, may be a secret of the receiver's.
    config = endpoint.config
    return {
        "name": config.name,
        "origin": config.origin,
        "event_types": list(config.event_types),
    }


def _differences(old: Endpoint, new: Endpoint) -> list[str]:
    names = old.config.__dataclass_fields__
    return [name for name in names if getattr(old.config, name) != getattr(new.config, name)]


async def _record(
    connection: AsyncConnection, action: str, endpoint: Endpoint, detail: Detail
) -> None:
    of = f"webhook_endpoint {format_id('whe', endpoint.id)}"
    await record(connection, endpoint.tenant_id, action, of, detail)
