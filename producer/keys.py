"""API keys of tenants: made, listed, rotated, revoked, by whoever may."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.api_keys import KEY_PREFIX, digest_of, new_api_key, prefix_of
from infra.audit_actor import record
from infra.clock import Clock
from infra.postgres import api_keys
from infra.postgres.api_keys_of_all import find_owners
from infra.postgres.engine import transaction, whole_transactions
from schemas.api_key import ApiKey, KeyRequest, KeyRotation, KeyStatus
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.permission_errors import KeyNotActiveError, PermissionDeniedError
from schemas.scopes import KeyScope

_PASSED: Final = "has passed"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, and its text, which is kept nowhere."""

    key: ApiKey
    text: str


class Keys:
    """The keys in one database.

    Args:
        engine: PostgreSQL.
        pepper: Keys the digests.
        clock: Says what "from now" is.
    """

    def __init__(self, engine: AsyncEngine, pepper: str, clock: Clock) -> None:
        self._engine = whole_transactions(engine)
        self._pepper = pepper
        self._clock = clock

    async def create(
        self,
        tenant_id: int,
        wanted: KeyRequest,
        *,
        may: Collection[KeyScope],
        unless_told: Collection[KeyScope],
    ) -> NewKey:
        """Make a key.

        Args:
            tenant_id: Whose key it will be.
            wanted: What it is for, and what it may do.
            may: What whoever asks may do, and can give away.
            unless_told: What the key may do if ``wanted`` does not say.

        Raises:
            PermissionDeniedError: It would have scopes that whoever asks has not.
            InputError: It would have expired already.
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        scopes = unless_told if wanted.scopes is None else wanted.scopes
        refuse_beyond(may, scopes, "/scopes")
        text = new_api_key()
        async with transaction(self._engine) as connection:
            key = await api_keys.insert_key(
                connection,
                tenant_id,
                name=wanted.name,
                prefix=prefix_of(text),
                digest=digest_of(text, self._pepper),
                scopes=scopes,
                expires_at=self._instant(wanted.expires_at),
            )
            await _record(connection, "key.created", key)
        return NewKey(key, text)

    async def page(
        self, tenant_id: int, *, limit: int, before: UUID | None = None
    ) -> Sequence[ApiKey]:
        """Return keys of a tenant, newest first: those that were made before ``before``."""
        async with transaction(self._engine) as connection:
            return await api_keys.list_keys(connection, tenant_id, limit=limit, before=before)

    async def get(self, tenant_id: int, key_id: UUID) -> ApiKey:
        """Return one key.

        Raises:
            NotFoundError: The tenant has no such key.
        """
        async with transaction(self._engine) as connection:
            return _there(await api_keys.get_key(connection, tenant_id, key_id), key_id)

    async def rotate(
        self, tenant_id: int, key_id: UUID, wanted: KeyRotation, *, may: Collection[KeyScope]
    ) -> NewKey:
        """Make a key that may do the same in the place of one that ends soon.

        Raises:
            NotFoundError: The tenant has no such key.
            KeyNotActiveError: It has ended, or was rotated before.
            PermissionDeniedError: It has scopes that whoever asks has not.
            InputError: The new key would have expired already.
        """
        text = new_api_key()
        async with transaction(self._engine) as connection:
            found = await api_keys.get_key(connection, tenant_id, key_id, lock=True)
            old = _there(found, key_id)
            refuse_beyond(may, old.scopes, "")
            _require_active(old)
            new = await api_keys.replace_key(
                connection,
                old,
                prefix=prefix_of(text),
                digest=digest_of(text, self._pepper),
                expires_at=self._instant(wanted.expires_at),
                overlap=wanted.overlap,
            )
            await _record(connection, "key.rotated", new, replaces=format_id("key", old.id))
        return NewKey(new, text)

    async def revoke(
        self, tenant_id: int, key_id: UUID, *, may: Collection[KeyScope]
    ) -> ApiKey:
        """End a key now; to revoke it twice is to revoke it once.

        Raises:
            NotFoundError: The tenant has no such key.
            PermissionDeniedError: It has scopes that whoever asks has not.
        """
        async with transaction(self._engine) as connection:
            found = await api_keys.get_key(connection, tenant_id, key_id, lock=True)
            refuse_beyond(may, _there(found, key_id).scopes, "")
            revoked = _there(await api_keys.revoke_key(connection, tenant_id, key_id), key_id)
            await _record(connection, "key.revoked", revoked)
            return revoked

    def _instant(self, when: datetime | float | None) -> datetime | None:
        if isinstance(when, int | float):
            return self._clock.now() + timedelta(seconds=when)
        if when is not None and when <= self._clock.now():
            fault = FieldError("/expires_at", _PASSED)
            raise InputError(f"expires_at {_PASSED}", fields=[fault])
        return when


async def find_typed(engine: AsyncEngine, typed: str) -> ApiKey:
    """Return the key that an operator names by its id, or by how it begins.

    Raises:
        NotFoundError: There is none, or several keys begin so.
    """
    key_id: UUID | None = None
    if not typed.startswith(KEY_PREFIX):
        try:
            key_id = parse_id("key", typed)
        except InvalidIdError as error:
            hint = "name it by its id, or by its first 8 characters"
            raise NotFoundError(
                f"there is no API key {typed[:64]!r} ({error}); {hint}"
            ) from None
    async with transaction(engine) as connection:
        found = await find_owners(connection, key_id=key_id, prefix=prefix_of(typed))
        if len(found) > 1:
            ids = ", ".join(format_id("key", one) for _, one in found)
            raise NotFoundError(
                f"several keys begin with {prefix_of(typed)}: name one of {ids}"
            )
        for tenant_id, one in found:
            return _there(await api_keys.get_key(connection, tenant_id, one), one)
    # It may be a whole key, which must not be repeated.
    shown = typed if key_id else f"{prefix_of(typed)}…"
    raise NotFoundError(f"there is no API key {shown}; see: genq keys ls TENANT")


def refuse_beyond(
    may: Collection[KeyScope], scopes: Collection[KeyScope], pointer: str
) -> None:
    """Hold whoever asks to keys that may do no more than they themselves may.

    Raises:
        PermissionDeniedError: Some scopes are beyond; the message names them.
    """
    beyond = [scope.value for scope in KeyScope if scope in scopes and scope not in may]
    if beyond:
        message = f"your key has not the scope {', '.join(beyond)}, so it cannot handle this"
        fields = [FieldError(pointer, f"beyond your key: {', '.join(beyond)}")]
        raise PermissionDeniedError(message, fields=fields if pointer else ())


async def _record(connection: AsyncConnection, action: str, key: ApiKey, **more: str) -> None:
    detail = {"prefix": key.prefix, "scopes": sorted(key.scopes), **more}
    await record(connection, key.tenant_id, action, f"key {format_id('key', key.id)}", detail)


def _there(key: ApiKey | None, key_id: UUID) -> ApiKey:
    if key is None:
        raise NotFoundError(f"there is no API key {format_id('key', key_id)}")
    return key


def _require_active(key: ApiKey) -> None:
    shown = f"API key {format_id('key', key.id)}"
    if key.status is not KeyStatus.ACTIVE:
        message = f"{shown} does not work any more ({key.status.value}): create another one"
        raise KeyNotActiveError(message)
    if key.replaced_by is not None:
        by = format_id("key", key.replaced_by)
        raise KeyNotActiveError(f"{shown} was rotated before, to {by}: rotate that one")
