"""Block lists as their owners keep them: tenants their own, operators everybody's."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.hash_lists import (
    HashEntry,
    HashList,
    add_list,
    count_entries,
    delete_list,
    find_list,
    import_entries,
    list_entries,
    lists_of,
    lock_list,
    take_entries,
)
from infra.safety.fingerprints import fingerprint_of
from infra.safety.pictures import PictureLimits, PictureRefusedError, look_at
from schemas.audit import Detail
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.hash_list import ACTIONS, MAX_ENTRIES, Algorithm, HashListRequest, parse_line
from schemas.queue_errors import NameTakenError

_MOST_FAULTS: Final = 20
_MOST_LISTS: Final = 100


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: entries that are new, that are gone, and that changed nothing."""

    name: str
    added: int
    removed: int
    known: int
    entries: int


class HashListKeeper:
    """Keeps the block lists of one owner. Every change is audited.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        owner: Whose lists: a tenant's number, or ``EVERYBODY``.
    """

    def __init__(self, engine: AsyncEngine, owner: int) -> None:
        self._engine = whole_transactions(engine)
        self._owner = owner

    async def lists(self) -> Sequence[HashList]:
        """Return the owner's lists, by name."""
        async with transaction(self._engine) as connection:
            return await lists_of(connection, [self._owner])

    async def create(self, wanted: HashListRequest) -> HashList:
        """Make an empty list.

        Raises:
            NameTakenError: The owner has a list of this name.
            InputError: The owner has as many lists as may be.
        """
        async with transaction(self._engine) as connection:
            if len(await lists_of(connection, [self._owner])) >= _MOST_LISTS:
                raise InputError(f"there are {_MOST_LISTS} lists already: delete one of them")
            made = await add_list(
                connection,
                self._owner,
                name=wanted.name,
                category=wanted.category,
                action=int(ACTIONS[wanted.action]),
            )
            if made is None:
                raise NameTakenError(f"there is a hash list {wanted.name} already")
            told = {"category": wanted.category, "action": wanted.action}
            await self._record(connection, "created", wanted.name, told)
        return made

    async def get(self, name: str) -> HashList:
        """Return a list.

        Raises:
            NotFoundError: There is no such list.
        """
        async with transaction(self._engine) as connection:
            found = await find_list(connection, self._owner, name)
        if found is None:
            raise _missing(name)
        return found

    async def delete(self, name: str) -> None:
        """Delete a list and all that is on it.

        Raises:
            NotFoundError: There is no such list.
        """
        async with transaction(self._engine) as connection:
            entries = await delete_list(connection, self._owner, name)
            if entries is None:
                raise _missing(name)
            await self._record(connection, "deleted", name, {"entries": entries})

    async def page(
        self, name: str, *, after: HashEntry | None, limit: int
    ) -> Sequence[HashEntry]:
        """Return entries in their order, from the one past ``after``.

        Raises:
            NotFoundError: There is no such list.
        """
        found = await self.get(name)
        async with transaction(self._engine) as connection:
            return await list_entries(connection, found.id, after=after, limit=limit)

    async def change(
        self, name: str, entries: Sequence[HashEntry], *, remove: bool = False
    ) -> Imported:
        """Put entries on a list, or take them off it; what changes nothing is no error.

        Raises:
            NotFoundError: There is no such list.
            InputError: The list would have more entries than may be.
        """
        unique = {(one.algorithm, one.hash): one for one in entries}
        async with transaction(self._engine) as connection:
            list_id = await lock_list(connection, self._owner, name)
            if list_id is None:
                raise _missing(name)
            changed = await self._change(connection, list_id, [*unique.values()], remove)
            count = await count_entries(connection, list_id)
            if count > MAX_ENTRIES and not remove:
                raise InputError(f"a list has at most {MAX_ENTRIES} entries: make another one")
            if changed:
                what = "entries_removed" if remove else "entries_added"
                await self._record(connection, what, name, {"entries": changed})
        return Imported(
            name,
            added=0 if remove else changed,
            removed=changed if remove else 0,
            known=len(entries) - changed,
            entries=count,
        )

    async def _change(
        self,
        connection: AsyncConnection,
        list_id: UUID,
        entries: Sequence[HashEntry],
        remove: bool,
    ) -> int:
        if not entries:
            return 0
        change = take_entries if remove else import_entries
        return await change(connection, list_id, entries)

    async def _record(
        self, connection: AsyncConnection, what: str, name: str, told: Detail
    ) -> None:
        await record(connection, self._owner, f"hash_list.{what}", f"hash_list:{name}", told)


def entries_in(lines: Sequence[str]) -> list[HashEntry]:
    """Return the entries that lines are.

    Raises:
        InputError: Some are none; the first of them are named.
    """
    found: list[HashEntry] = []
    faults: list[FieldError] = []
    for number, line in enumerate(lines):
        try:
            entry = parse_line(line)
        except ValueError as error:
            faults.append(FieldError(f"/lines/{number}", str(error)))
            if len(faults) == _MOST_FAULTS:
                break
        else:
            if entry is not None:
                found.append(HashEntry(entry[0].value, entry[1], entry[2]))
    if faults:
        raise InputError("lines are no entries of a hash list", fields=faults)
    return found


async def entry_of(data: bytes, limits: PictureLimits) -> list[HashEntry]:
    """Return the entry by which a picture is known again.

    Raises:
        InputError: It is no PNG, JPEG or WebP file, damaged, too large, or there is nothing in
            it to recognise.
    """
    try:
        seen = await asyncio.to_thread(look_at, data, limits)
    except PictureRefusedError as refusal:
        fault = FieldError("/file", str(refusal), refusal.rule)
        raise InputError("the picture is not acceptable", fields=[fault]) from None
    found = fingerprint_of(seen.squares[0])
    if found.phash is None:
        fault = FieldError("/file", "there is nothing in it to recognise: list its sha256")
        raise InputError("the picture is not acceptable", fields=[fault])
    return [HashEntry(Algorithm.PHASH256.value, found.phash)]


def _missing(name: str) -> NotFoundError:
    return NotFoundError(f"there is no hash list {name[:63]}")
