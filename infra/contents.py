"""Content at rest: sealed per tenant, and per person where a job names one.

A sealed content is ``version (1) | number of the data key (4) | length (1) | pseudonym of the
person (0 or 16) | tag of the salt (0 or 4) | nonce (12) | ciphertext, tag``. It says itself
what opens it; what it is bound to (tenant, table, row, column) must be said again.
"""

import secrets
import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.clock import Clock, SystemClock
from infra.content_keys import TAG_BYTES, ContentKeys, Known, Salt
from infra.sealing import sealer_for
from infra.settings import Settings
from infra.subjects import subject_of
from schemas.privacy_errors import ContentErasedError, ContentUnreadableError

ENGINE_OPTION: Final = "genq_contents"
"""Where an engine, and so each connection of it, carries its ``Contents``."""

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BIB")
_NONCE: Final = 12
_NOBODY: Final = Salt(None)
_ERASED: Final = "the content was erased"


class Place(NamedTuple):
    """What a content is bound to: it opens nowhere else."""

    tenant_id: int
    table: str
    row: str
    column: str

    @property
    def words(self) -> bytes:
        """Return it as the cipher takes it."""
        return f"{self.tenant_id}|{self.table}|{self.row}|{self.column}".encode()


@dataclass(slots=True)
class Clear:
    """What is to be sealed. ``person``: a pseudonym of ``infra.subjects``, or empty."""

    place: Place
    person: bytes
    data: bytes = field(repr=False)


@dataclass(slots=True)
class Sealed:
    """What is to be opened."""

    place: Place
    data: bytes = field(repr=False)


class _Head(NamedTuple):
    number: int
    person: bytes
    tag: bytes
    start: int


class Contents:
    """Seals and opens what people wrote, what was made for them, and evidence of both.

    Args:
        settings: The master keys, and whether new content is sealed at all.
        clock: For how long keys are kept in memory.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.sealing = settings.encrypt_content
        self._settings = settings
        self._clock = clock or SystemClock()
        self._made: ContentKeys | None = None

    @property
    def keys(self) -> ContentKeys:
        """Return the keys; made when first needed, since not every command has a pepper."""
        if self._made is None:
            self._made = ContentKeys(sealer_for(self._settings), self._clock)
        return self._made

    def person(self, tenant_id: int, end_user: str | None) -> bytes:
        """Return the pseudonym of one of a tenant's people; empty for nobody."""
        return subject_of(self._settings, tenant_id, end_user) if end_user else b""

    def forget(self) -> None:
        """Forget every key, as if this process had just begun."""
        self._made = None

    async def seal(
        self, connection: AsyncConnection, contents: Sequence[Clear], *, late: bool = False
    ) -> list[bytes | None]:
        """Return contents sealed, in their order.

        Args:
            connection: For keys that this process does not have yet.
            contents: What to seal.
            late: It belongs to what was asked for before: of a person who was erased
                meanwhile nothing is kept, and the answer is ``None`` in its place.

        Raises:
            ContentUnreadableError: A key is there, but cannot be opened.
        """
        tenants = {content.place.tenant_id for content in contents}
        people = {(c.place.tenant_id, c.person) for c in contents if c.person}
        known = await self.keys.known(connection, tenants, people, make=True, anew=not late)
        return [self._seal(known, content) for content in contents]

    async def open(
        self, connection: AsyncConnection, contents: Sequence[Sealed]
    ) -> list[bytes | ContentErasedError | ContentUnreadableError]:
        """Return contents opened, in their order; an error instead where one does not open.

        Nothing is raised, so that one that is broken does not take the others with it.
        """
        heads = [_head_of(content.data) for content in contents]
        read = [(c, h) for c, h in zip(contents, heads, strict=True) if h is not None]
        tenants = {content.place.tenant_id for content, _ in read}
        people = {(c.place.tenant_id, head.person) for c, head in read if head.person}
        try:
            known = await self.keys.known(connection, tenants, people, make=False)
            await self._renew(connection, known, read)
        except ContentUnreadableError as error:
            return await self._open_apart(connection, contents, heads, error)
        return [
            self._open(known, content, head)
            for content, head in zip(contents, heads, strict=True)
        ]

    async def open_one(self, connection: AsyncConnection, content: Sealed) -> bytes:
        """Return one content opened.

        Raises:
            ContentErasedError: It is gone for good.
            ContentUnreadableError: Its key is missing, or it was changed.
        """
        (opened,) = await self.open(connection, [content])
        if isinstance(opened, bytes):
            return opened
        raise opened

    async def _open_apart(
        self,
        connection: AsyncConnection,
        contents: Sequence[Sealed],
        heads: Sequence[_Head | None],
        error: ContentUnreadableError,
    ) -> list[bytes | ContentErasedError | ContentUnreadableError]:
        """Open each person's contents by themselves: a broken key takes no other along."""
        groups = defaultdict[tuple[int, bytes] | None, list[int]](list)
        for place, (content, head) in enumerate(zip(contents, heads, strict=True)):
            owner = (content.place.tenant_id, head.person) if head else None
            groups[owner].append(place)
        if len(groups) == 1:
            return [error] * len(contents)
        found: dict[int, bytes | ContentErasedError | ContentUnreadableError] = {}
        for places in groups.values():
            some = await self.open(connection, [contents[place] for place in places])
            found.update(zip(places, some, strict=True))
        return [found[place] for place in range(len(contents))]

    async def _renew(
        self, connection: AsyncConnection, known: Known, read: Sequence[tuple[Sealed, _Head]]
    ) -> None:
        """Look again for keys that another process made a moment ago."""
        tenants: set[int] = set()
        people: set[tuple[int, bytes]] = set()
        for content, head in read:
            tenant_id = content.place.tenant_id
            keys = known.tenants.get(tenant_id)
            if keys is not None and head.number not in keys.keys:
                tenants.add(tenant_id)
            salt = known.people.get((tenant_id, head.person), _NOBODY)
            if salt.value is not None and salt.tag != head.tag:
                people.add((tenant_id, head.person))
        if tenants or people:
            await self.keys.reload(connection, known, tenants, people)

    def _seal(self, known: Known, content: Clear) -> bytes | None:
        keys = known.tenants[content.place.tenant_id]
        salt = _NOBODY
        if content.person:
            salt = known.people[content.place.tenant_id, content.person]
            if salt.value is None:
                return None
        cipher = self.keys.cipher(keys.keys[keys.newest], salt.value or b"")
        nonce = secrets.token_bytes(_NONCE)
        return b"".join(
            (
                _HEAD.pack(_VERSION, keys.newest, len(content.person)),
                content.person,
                salt.tag,
                nonce,
                cipher.encrypt(nonce, content.data, content.place.words),
            )
        )

    def _open(
        self, known: Known, content: Sealed, head: _Head | None
    ) -> bytes | ContentErasedError | ContentUnreadableError:
        if head is None:
            return ContentUnreadableError("stored content is damaged: it has no known form")
        tenant_id = content.place.tenant_id
        keys = known.tenants.get(tenant_id)
        if keys is None or head.number not in keys.keys:
            return _missing(f"data key {head.number} of tenant {tenant_id}")
        salt = _NOBODY
        if head.person:
            salt = known.people.get((tenant_id, head.person), _NOBODY)
            if salt.value is None or salt.tag != head.tag:
                if salt.erased:
                    return ContentErasedError(_ERASED)
                return _missing(f"the key of person {head.person.hex()}")
        cipher = self.keys.cipher(keys.keys[head.number], salt.value or b"")
        nonce, sealed = content.data[head.start :][:_NONCE], content.data[head.start + _NONCE :]
        try:
            return cipher.decrypt(nonce, sealed, content.place.words)
        except (InvalidTag, ValueError):
            return ContentUnreadableError(
                "stored content was changed, or was copied from another row "
                f"({content.place.table} {content.place.row})"
            )


def contents_of(connection: AsyncConnection) -> Contents | None:
    """Return what seals and opens on this connection; ``None``: its engine has none."""
    held = connection.sync_connection
    return held.get_execution_options().get(ENGINE_OPTION) if held is not None else None


def forget_keys(engine: AsyncEngine) -> None:
    """Have an engine's connections ask for every key anew."""
    contents: Contents | None = engine.get_execution_options().get(ENGINE_OPTION)
    if contents is not None:
        contents.forget()


def _missing(what: str) -> ContentUnreadableError:
    return ContentUnreadableError(
        f"stored content cannot be opened: {what} is not in the database; restore the tables "
        "tenant_key and subject_key from the backup that the rows came from"
    )


def _head_of(sealed: bytes) -> _Head | None:
    if len(sealed) < _HEAD.size:
        return None
    version, number, length = _HEAD.unpack_from(sealed)
    start = _HEAD.size + length + (TAG_BYTES if length else 0)
    if version != _VERSION or len(sealed) < start + _NONCE:
        return None
    person = sealed[_HEAD.size :][:length]
    return _Head(number, person, sealed[_HEAD.size + length : start], start)
