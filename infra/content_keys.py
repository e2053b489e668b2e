"""The keys of content, kept for some minutes: of tenants, and of their people.

A person's key is HKDF(the tenant's data key, the person's salt). What an erasure deletes is
forgotten here within two seconds.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.clock import Clock
from infra.postgres.subject_keys import (
    Person,
    add_salts,
    erased_lately,
    read_salts,
    salt_place,
)
from infra.postgres.tenant_keys import add_tenant_key, key_place, read_tenant_keys
from infra.sealing import Sealer
from schemas.privacy_errors import ContentUnreadableError
from schemas.webhook_errors import SealedValueError

KEY_BYTES: Final = 32
TAG_BYTES: Final = 4
_SALT_BYTES: Final = 16
_KEPT_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 2.0
_MOST: Final = 8_192

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class _Kept(Generic[_Key, _Value]):
    """The newest so many values, each for so long."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: OrderedDict[_Key, tuple[float, _Value]] = OrderedDict()

    def get(self, key: _Key) -> _Value | None:
        kept = self._values.get(key)
        if kept is None or kept[0] <= self._clock.monotonic():
            return None
        return kept[1]

    def put(self, key: _Key, value: _Value) -> None:
        self._values[key] = (self._clock.monotonic() + _KEPT_SECONDS, value)
        self._values.move_to_end(key)
        if len(self._values) > _MOST:
            self._values.popitem(last=False)

    def drop(self, key: _Key) -> None:
        self._values.pop(key, None)


@dataclass(frozen=True, slots=True)
class DataKeys:
    """A tenant's data keys, by number, and the number of the one that seals."""

    keys: dict[int, bytes] = field(repr=False)
    newest: int


@dataclass(frozen=True, slots=True)
class Salt:
    """A person's salt; ``None``: there is none, because it was erased or never made.

    Attributes:
        tag: Tells it from a later salt of the same person.
    """

    value: bytes | None = field(repr=False)
    erased: bool = False
    tag: bytes = b""


@dataclass(slots=True)
class Known:
    """What one call has found out."""

    tenants: dict[int, DataKeys] = field(default_factory=dict[int, DataKeys])
    people: dict[Person, Salt] = field(default_factory=dict[Person, Salt])


class ContentKeys:
    """Finds keys, and makes those that are missing.

    Args:
        sealer: Wraps data keys and salts.
        clock: For how long something is kept.
    """

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock
        self._tenants = _Kept[int, DataKeys](clock)
        self._people = _Kept[Person, Salt](clock)
        self._ciphers = _Kept[tuple[bytes, bytes], AESGCM](clock)
        self._looked = -_LOOK_SECONDS

    async def known(
        self,
        connection: AsyncConnection,
        tenants: Collection[int],
        people: Collection[Person],
        *,
        make: bool,
        anew: bool = False,
    ) -> Known:
        """Return the keys of tenants and people. Those that are kept cost no statement.

        Args:
            connection: Reads what is not kept, and makes what is not there.
            tenants: Whose data keys are wanted.
            people: Whose salts are wanted.
            make: Make what never was. Without it, what is missing is missing.
            anew: A person whose salt was erased gets another one.

        Raises:
            ContentUnreadableError: A stored key cannot be opened.
        """
        await self._look(connection)
        found = Known()
        strange: set[int] = set()
        for tenant_id in tenants:
            keys = self._tenants.get(tenant_id)
            if keys is None:
                strange.add(tenant_id)
            else:
                found.tenants[tenant_id] = keys
        if strange:
            await self._find_tenants(connection, found, strange, make=make)
        unknown: set[Person] = set()
        for person in people:
            salt = self._people.get(person)
            if salt is None:
                unknown.add(person)
            else:
                found.people[person] = salt
        if unknown:
            await self._find_people(connection, found, unknown, make=make, anew=anew)
        return found

    async def reload(
        self,
        connection: AsyncConnection,
        known: Known,
        tenants: Collection[int],
        people: Collection[Person],
    ) -> None:
        """Bring what is known up to what is stored now."""
        for tenant_id in tenants:
            self._tenants.drop(tenant_id)
        for person in people:
            self._people.drop(person)
        if tenants:
            await self._find_tenants(connection, known, set(tenants), make=False)
        if people:
            await self._find_people(connection, known, set(people), make=False, anew=False)

    def cipher(self, data_key: bytes, salt: bytes) -> AESGCM:
        """Return what seals and opens under a data key, for a person if there is a salt."""
        cipher = self._ciphers.get((data_key, salt))
        if cipher is None:
            key = data_key
            if salt:
                key = HKDF(hashes.SHA256(), KEY_BYTES, salt, b"genq content").derive(data_key)
            cipher = AESGCM(key)
            self._ciphers.put((data_key, salt), cipher)
        return cipher

    async def _look(self, connection: AsyncConnection) -> None:
        """Forget whom an erasure took meanwhile."""
        now = self._clock.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        for person in await erased_lately(connection, seconds=_KEPT_SECONDS + 60):
            self._people.drop(person)

    async def _find_tenants(
        self, connection: AsyncConnection, found: Known, tenants: set[int], *, make: bool
    ) -> None:
        missing = await self._read_tenants(connection, found, tenants)
        if missing and make:
            for tenant_id in sorted(missing):
                key = secrets.token_bytes(KEY_BYTES)
                wrapped = self._sealer.seal(key, place=key_place(tenant_id, 1))
                await add_tenant_key(connection, tenant_id, 1, wrapped)
            await self._read_tenants(connection, found, missing)

    async def _read_tenants(
        self, connection: AsyncConnection, found: Known, tenants: set[int]
    ) -> set[int]:
        """Add what is stored to what is found; return whose keys there are none of."""
        keys: dict[int, dict[int, bytes]] = {}
        newest: dict[int, int] = {}
        unsure: set[int] = set()
        for stored in await read_tenant_keys(connection, tenants):
            place = key_place(stored.tenant_id, stored.number)
            keys.setdefault(stored.tenant_id, {})[stored.number] = self._open(
                stored.wrapped, place
            )
            if stored.seals:
                newest[stored.tenant_id] = stored.number
            if stored.unsure:
                unsure.add(stored.tenant_id)
        for tenant_id, numbers in keys.items():
            held = DataKeys(numbers, newest.get(tenant_id, max(numbers)))
            found.tenants[tenant_id] = held
            if tenant_id not in unsure:
                self._tenants.put(tenant_id, held)
        return tenants - keys.keys()

    async def _find_people(
        self,
        connection: AsyncConnection,
        found: Known,
        people: set[Person],
        *,
        make: bool,
        anew: bool,
    ) -> None:
        await self._read_people(connection, found, people)
        if not make:
            return
        missing = {
            person
            for person in people
            if person not in found.people or (anew and found.people[person].value is None)
        }
        if missing:
            salts = {person: secrets.token_bytes(_SALT_BYTES) for person in missing}
            wrapped = {
                person: self._sealer.seal(salt, place=salt_place(person))
                for person, salt in salts.items()
            }
            await add_salts(connection, wrapped)
            await self._read_people(connection, found, missing)

    async def _read_people(
        self, connection: AsyncConnection, found: Known, people: set[Person]
    ) -> None:
        for stored in await read_salts(connection, people):
            value = None
            if stored.salt is not None:
                value = self._open(stored.salt, salt_place(stored.person))
            tag = hashlib.sha256(value).digest()[:TAG_BYTES] if value else b""
            salt = Salt(value, stored.erased, tag)
            found.people[stored.person] = salt
            if value is not None and not stored.unsure:
                self._people.put(stored.person, salt)

    def _open(self, sealed: bytes, place: str) -> bytes:
        try:
            return self._sealer.open(sealed, place=place)
        except SealedValueError as error:
            raise ContentUnreadableError(
                f"a key of content cannot be opened ({place}): {error.message}"
            ) from None
