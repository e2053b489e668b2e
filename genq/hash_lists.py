"""Block lists in the SDK: ``client.hash_lists`` of ``Genq`` and ``AsyncGenq``."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from genq.async_transport import AsyncTransport
from genq.calls import Answer, Call, Exchange, found_in, good, json_bytes
from genq.errors import ConfigurationError
from genq.json_fields import Fields
from genq.models import Json
from genq.transport import Transport

_OWN: Final = "/v1/safety/hash_lists"
_ALL: Final = "/v1/admin/safety/hash_lists"
_JSON: Final = {"content-type": "application/json"}
_PICTURE: Final = {"content-type": "application/octet-stream"}
_PAGE: Final = "5000"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class HashList:
    """Fingerprints of what is not to be made or taken; ``raw`` is the answer as it came.

    Attributes:
        action: What follows: ``flag``, ``review`` or ``block``.
        everybody: A list of the installation, for all tenants.
        entries: How many.
    """

    name: str
    category: str
    action: str
    everybody: bool
    entries: int
    created_at: datetime
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class HashListChange:
    """What a change did: entries that are new, that are gone, and that changed nothing."""

    name: str
    added: int
    removed: int
    known: int
    entries: int


class HashLists:
    """The block lists of the key's owner; with ``everybody``, those of the installation."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, everybody: bool = False) -> tuple[HashList, ...]:
        """Return all lists, by name."""
        return self._transport.run(_list(everybody))

    def create(
        self,
        name: str,
        *,
        category: str | None = None,
        action: str | None = None,
        everybody: bool = False,
    ) -> HashList:
        """Make an empty list.

        Args:
            name: Small letters, digits, dots and dashes.
            category: What its entries are; else ``other``.
            action: ``flag``, ``review`` or ``block``, which is the default.
            everybody: For all tenants; for operators.

        Raises:
            ConflictError: There is a list of this name.
        """
        return self._transport.run(_create(name, category, action, everybody))

    def add(
        self, name: str, lines: Sequence[str], *, everybody: bool = False
    ) -> HashListChange:
        """Put entries on a list: ``sha256:…``, ``phash256:…``, ``dhash64:…``, with notes.

        Raises:
            InvalidRequestError: Some lines are no entries; ``errors`` say which.
        """
        return self._transport.run(_change(name, lines, everybody, remove=False))

    def add_picture(self, name: str, data: bytes, *, everybody: bool = False) -> HashListChange:
        """Put a picture on a list, to be known again by what it looks like."""
        return self._transport.run(_picture(name, data, everybody))

    def remove(
        self, name: str, lines: Sequence[str], *, everybody: bool = False
    ) -> HashListChange:
        """Take entries off a list."""
        return self._transport.run(_change(name, lines, everybody, remove=True))

    def export(self, name: str, *, everybody: bool = False) -> Iterator[str]:
        """Yield a list's entries as lines that ``add`` takes."""
        cursor: str | None = ""
        while cursor is not None:
            lines, cursor = self._transport.run(_page(name, cursor, everybody))
            yield from lines

    def delete(self, name: str, *, everybody: bool = False) -> None:
        """Delete a list and all that is on it."""
        self._transport.run(_delete(name, everybody))


class AsyncHashLists:
    """The same for ``AsyncGenq``; arguments and errors are those of ``HashLists``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self, *, everybody: bool = False) -> tuple[HashList, ...]:
        """Return all lists, by name."""
        return await self._transport.run(_list(everybody))

    async def create(
        self,
        name: str,
        *,
        category: str | None = None,
        action: str | None = None,
        everybody: bool = False,
    ) -> HashList:
        """Make an empty list."""
        return await self._transport.run(_create(name, category, action, everybody))

    async def add(
        self, name: str, lines: Sequence[str], *, everybody: bool = False
    ) -> HashListChange:
        """Put entries on a list."""
        return await self._transport.run(_change(name, lines, everybody, remove=False))

    async def add_picture(
        self, name: str, data: bytes, *, everybody: bool = False
    ) -> HashListChange:
        """Put a picture on a list, to be known again by what it looks like."""
        return await self._transport.run(_picture(name, data, everybody))

    async def remove(
        self, name: str, lines: Sequence[str], *, everybody: bool = False
    ) -> HashListChange:
        """Take entries off a list."""
        return await self._transport.run(_change(name, lines, everybody, remove=True))

    async def export(self, name: str, *, everybody: bool = False) -> AsyncIterator[str]:
        """Yield a list's entries as lines that ``add`` takes."""
        cursor: str | None = ""
        while cursor is not None:
            lines, cursor = await self._transport.run(_page(name, cursor, everybody))
            for line in lines:
                yield line

    async def delete(self, name: str, *, everybody: bool = False) -> None:
        """Delete a list and all that is on it."""
        await self._transport.run(_delete(name, everybody))


def _list(everybody: bool) -> Exchange[tuple[HashList, ...]]:
    found = Fields(found_in((yield Call("GET", _path(everybody)))), "list")
    return tuple(_read(part) for part in found.parts("data"))


def _create(
    name: str, category: str | None, action: str | None, everybody: bool
) -> Exchange[HashList]:
    told = {"name": name, "category": category, "action": action}
    body = json_bytes(told, "the list")
    answer = yield Call("POST", _path(everybody), headers=_JSON, body=body)
    return _read(Fields(found_in(answer), "hash list"))


def _change(
    name: str, lines: Sequence[str], everybody: bool, *, remove: bool
) -> Exchange[HashListChange]:
    body = json_bytes({"lines": list(lines), "remove": remove}, "the entries")
    path = _entries(name, everybody)
    # What changes nothing is no error: to send it twice is to send it once.
    return _done((yield Call("POST", path, headers=_JSON, body=body, repeatable=True)))


def _picture(name: str, data: bytes, everybody: bool) -> Exchange[HashListChange]:
    path = _entries(name, everybody)
    return _done((yield Call("POST", path, headers=_PICTURE, body=data, repeatable=True)))


def _page(
    name: str, after: str, everybody: bool
) -> Exchange[tuple[tuple[str, ...], str | None]]:
    query = {"after": after, "limit": _PAGE}
    answer = yield Call("GET", _entries(name, everybody), query=query)
    found = Fields(found_in(answer), "list")
    return found.texts("data"), found.maybe_text("next")


def _delete(name: str, everybody: bool) -> Exchange[None]:
    good((yield Call("DELETE", _place(name, everybody))))


def _path(everybody: bool) -> str:
    return _ALL if everybody else _OWN


def _place(name: str, everybody: bool) -> str:
    if _NAME.fullmatch(name) is None:
        raise ConfigurationError(f"{name!r} is no name of a list: small letters and digits")
    return f"{_path(everybody)}/{name}"


def _entries(name: str, everybody: bool) -> str:
    return f"{_place(name, everybody)}/entries"


def _read(fields: Fields) -> HashList:
    return HashList(
        name=fields.text("name"),
        category=fields.text("category"),
        action=fields.text("action"),
        everybody=fields.found.get("everybody") is True,
        entries=fields.number("entries"),
        created_at=fields.moment("created_at"),
        raw=fields.found,
    )


def _done(answer: Answer) -> HashListChange:
    fields = Fields(found_in(answer), "import")
    return HashListChange(
        name=fields.text("name"),
        added=fields.number("added"),
        removed=fields.number("removed"),
        known=fields.number("known"),
        entries=fields.number("entries"),
    )
