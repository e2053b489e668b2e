"""Content inside rows: what is sealed of a payload, a result and an event, and opened again.

A sealed JSON body has its content under ``sealed``, in base64, beside what SQL needs in the
clear. Rows of the release before, and those of an installation that does not seal, are plain:
both forms are read. ``{"erased": true}`` stands where the content is gone.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.contents import Clear, Contents, Place, Sealed, contents_of
from schemas.errors import GenqError
from schemas.privacy_errors import ContentErasedError, ContentUnreadableError

SEALED: Final = "sealed"
ERASED: Final = "erased"
# Of a result: what it took, and where it was made.
_IN_THE_CLEAR: Final = ("usage", "served_by", "facts", "cache")
# Of a payload: what is content, the prompt as it was typed among it.
_ASKED: Final = ("input", "typed")

# An event's number must be found in its first bytes, sealed or not.
_EVENT: Final = b"genq-sealed "
_NUMBER: Final = re.compile(rb'"sequence":[0-9]{1,18}')
_LOOKED_AT: Final = 400
_NO_KEYS: Final = "this content is sealed, and nothing here opens it"


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON body as it is stored.

    Attributes:
        table: ``payload`` or ``result``.
    """

    table: str
    tenant_id: int
    job_id: UUID
    stored: Mapping[str, Any] | None = field(repr=False)

    @property
    def place(self) -> Place:
        """Return what its content is bound to."""
        return Place(self.tenant_id, self.table, str(self.job_id), "body")


@dataclass(frozen=True, slots=True)
class Opened:
    """A JSON body with its content, or why it has none."""

    body: Mapping[str, Any] = field(repr=False)
    fault: GenqError | None = None

    @property
    def erased(self) -> bool:
        """Whether the content is gone for good."""
        return isinstance(self.fault, ContentErasedError)

    def required(self) -> Mapping[str, Any]:
        """Return the body; what was erased has no content.

        Raises:
            ContentUnreadableError: The content is there, but does not open.
        """
        if self.fault is not None and not self.erased:
            raise self.fault
        return self.body


async def seal_payloads(
    connection: AsyncConnection, jobs: Sequence[tuple[UUID, int, str | None, str]]
) -> list[str]:
    """Return payloads, JSON texts, with their inputs sealed; in their order.

    Args:
        connection: Of the transaction that inserts them, or another.
        jobs: Of each the id, the tenant, the end user, and the payload.
    """
    contents = contents_of(connection)
    if contents is None or not contents.sealing:
        return [payload for *_, payload in jobs]
    bodies: list[dict[str, Any]] = [orjson.loads(payload) for *_, payload in jobs]
    clear = [
        Clear(
            Place(tenant_id, "payload", str(job_id), "body"),
            contents.person(tenant_id, end_user),
            orjson.dumps({name: body.pop(name) for name in _ASKED if name in body}),
        )
        for (job_id, tenant_id, end_user, _), body in zip(jobs, bodies, strict=True)
    ]
    sealed = await contents.seal(connection, clear)
    return [
        orjson.dumps({**body, SEALED: _written(one or b"")}).decode()
        for body, one in zip(bodies, sealed, strict=True)
    ]


async def open_bodies(connection: AsyncConnection, bodies: Sequence[Body]) -> list[Opened]:
    """Return bodies opened, in their order."""
    sealed = [
        Sealed(body.place, base64.b64decode(body.stored[SEALED]))
        for body in bodies
        if body.stored and SEALED in body.stored
    ]
    if not sealed:
        return [_plain(body.stored) for body in bodies]
    contents = contents_of(connection)
    if contents is None:
        opened = iter([ContentUnreadableError(_NO_KEYS)] * len(sealed))
    else:
        opened = iter(await contents.open(connection, sealed))
    return [
        _joined(body.stored, next(opened))
        if body.stored and SEALED in body.stored
        else _plain(body.stored)
        for body in bodies
    ]


async def seal_for_tenant(connection: AsyncConnection, body: Body) -> str | None:
    """Return a body sealed for its tenant, whoever's it was; ``None``: it is not sealed.

    Raises:
        ContentUnreadableError: It does not open.
    """
    contents = contents_of(connection)
    if contents is None or not body.stored or SEALED not in body.stored:
        return None
    sealed = Sealed(body.place, base64.b64decode(body.stored[SEALED]))
    clear = Clear(body.place, b"", await contents.open_one(connection, sealed))
    (again,) = await contents.seal(connection, [clear])
    return orjson.dumps({**body.stored, SEALED: _written(again or b"")}).decode()


async def seal_input(
    connection: AsyncConnection, place: Place, request: Mapping[str, Any]
) -> str:
    """Return a request that is kept for later, JSON, with its input sealed for its tenant."""
    contents = contents_of(connection)
    if contents is None or not contents.sealing or "input" not in request:
        return orjson.dumps(request).decode()
    clear = Clear(place, b"", orjson.dumps({"input": request["input"]}))
    (sealed,) = await contents.seal(connection, [clear])
    rest = {name: value for name, value in request.items() if name != "input"}
    return orjson.dumps({**rest, SEALED: _written(sealed or b"")}).decode()


async def open_inputs(
    connection: AsyncConnection, requests: Sequence[tuple[Place, Mapping[str, Any]]]
) -> list[Opened]:
    """Return what ``seal_input`` made opened, in their order; plain ones as they are."""
    contents = contents_of(connection)
    found: list[Opened] = []
    for place, stored in requests:
        if SEALED not in stored:
            found.append(_plain(stored))
        elif contents is None:
            found.append(Opened({}, ContentUnreadableError(_NO_KEYS)))
        else:
            sealed = Sealed(place, base64.b64decode(stored[SEALED]))
            (one,) = await contents.open(connection, [sealed])
            found.append(_joined(stored, one))
    return found


@dataclass(frozen=True, slots=True)
class Made:
    """What a job made, to be sealed with its end.

    Attributes:
        body: Of the result, as JSON text.
        event_id: Of the event that tells of it.
        event: Its bytes, if they hold what was made.
    """

    job_id: UUID
    tenant_id: int
    end_user: str | None
    event_id: UUID
    body: str | None = field(repr=False)
    event: bytes | None = field(repr=False)


async def seal_made(
    connection: AsyncConnection, made: Sequence[Made]
) -> list[tuple[str | None, bytes | None]]:
    """Return bodies of results and events sealed, in their order.

    Of a person who was erased meanwhile nothing is kept.
    """
    contents = contents_of(connection)
    if contents is None or not contents.sealing:
        return [(one.body, one.event) for one in made]
    bodies = [_divided(one.body) for one in made]
    parts = [
        _parts(contents, one, secret) for one, (_, secret) in zip(made, bodies, strict=True)
    ]
    clear = [part for some in parts for part in some]
    sealed = iter(await contents.seal(connection, clear, late=True) if clear else ())
    found: list[tuple[str | None, bytes | None]] = []
    for one, (kept, secret) in zip(made, bodies, strict=True):
        body, event = one.body, one.event
        if secret:
            result = next(sealed)
            told = {ERASED: True} if result is None else {SEALED: _written(result)}
            body = orjson.dumps({**kept, **told}).decode()
        if event is not None:
            told = next(sealed)
            event = b"" if told is None else _event_of(event, told)
        found.append((body, event))
    return found


async def open_events(
    connection: AsyncConnection, events: Sequence[tuple[int, UUID, bytes]]
) -> list[bytes | GenqError]:
    """Return the bytes of events as they are sent, in their order.

    Args:
        connection: For keys that this process does not have yet.
        events: Of each the tenant, the id and the stored bytes. Of an event whose content was
            erased these are empty.
    """
    sealed = [
        Sealed(Place(tenant_id, "outbox", str(event_id), "body"), _sealed_part(body))
        for tenant_id, event_id, body in events
        if body.startswith(_EVENT)
    ]
    if not sealed:
        return [body for *_, body in events]
    contents = contents_of(connection)
    if contents is None:
        return [
            ContentUnreadableError(_NO_KEYS) if body.startswith(_EVENT) else body
            for *_, body in events
        ]
    opened = iter(await contents.open(connection, sealed))
    found: list[bytes | GenqError] = []
    for *_, body in events:
        one = next(opened) if body.startswith(_EVENT) else body
        found.append(b"" if isinstance(one, ContentErasedError) else one)
    return found


def _divided(body: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a result may say in the clear, and what is content."""
    told: dict[str, Any] = orjson.loads(body) if body else {}
    kept = {name: told.pop(name) for name in _IN_THE_CLEAR if name in told}
    # It goes with the prompt, and nobody takes a part out of what is sealed.
    told.pop("told", None)
    return kept, told


def _parts(contents: Contents, made: Made, secret: Mapping[str, Any]) -> list[Clear]:
    if not secret and made.event is None:
        return []
    person = contents.person(made.tenant_id, made.end_user)
    parts: list[Clear] = []
    if secret:
        place = Place(made.tenant_id, "result", str(made.job_id), "body")
        parts.append(Clear(place, person, orjson.dumps(secret)))
    if made.event is not None:
        place = Place(made.tenant_id, "outbox", str(made.event_id), "body")
        parts.append(Clear(place, person, made.event))
    return parts


def _written(sealed: bytes) -> str:
    return base64.b64encode(sealed).decode()


def _event_of(event: bytes, sealed: bytes) -> bytes:
    number = _NUMBER.search(event, 0, _LOOKED_AT)
    return _EVENT + (number.group() if number else b"") + b" " + base64.b64encode(sealed)


def _sealed_part(body: bytes) -> bytes:
    return base64.b64decode(body.rpartition(b" ")[2])


def _plain(stored: Mapping[str, Any] | None) -> Opened:
    if stored and stored.get(ERASED):
        return Opened(stored, ContentErasedError("the content was erased"))
    return Opened(stored or {})


def _joined(stored: Mapping[str, Any], opened: bytes | GenqError) -> Opened:
    clear = {name: value for name, value in stored.items() if name != SEALED}
    if isinstance(opened, GenqError):
        return Opened(clear, opened)
    return Opened({**orjson.loads(opened), **clear})
