"""A person is erased: at once no job of theirs opens any more, soon nothing of it is there."""

from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import actor, record
from infra.contents import forget_keys
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.erasures import (
    add_erasure,
    get_erasure,
    held_jobs,
    list_erasures,
    put_body,
)
from infra.postgres.sealed_content import Body, seal_for_tenant
from infra.postgres.subject_keys import erase_salt
from infra.settings import Settings
from infra.subjects import subject_of
from producer.privacy.people import holds_of
from schemas.errors import NotFoundError
from schemas.ids import format_id
from schemas.privacy import Erasure, ErasureState, person_of
from schemas.privacy_errors import LegalHoldError

_MOST_LISTED = 100

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ErasureShown:
    """An erasure, and what stays although it was asked for."""

    erasure: Erasure
    holds: list[UUID]
    evidence: list[UUID]


async def ask_for_erasure(
    engine: AsyncEngine, settings: Settings, tenant_id: int, end_user: str
) -> ErasureShown:
    """Delete what opens a person's content; the dispatcher takes the rest away.

    What was sent up to three seconds later counts as sent before. To ask twice is harmless.

    Raises:
        LegalHoldError: All that there is of the person is on hold; nothing was erased.
    """
    subject = subject_of(settings, tenant_id, end_user)
    person = person_of(subject)
    async with transaction(whole_transactions(engine)) as connection:
        whole, single, evidence = await holds_of(connection, settings, tenant_id, subject)
        state = ErasureState.REFUSED if whole else ErasureState.WAITING
        if not whole:
            await _keep_what_is_held(connection, tenant_id, end_user)
            await erase_salt(connection, (tenant_id, subject))
        erasure = await add_erasure(
            connection, tenant_id, subject, state=state, asked_by=actor()
        )
        action = "erasure.refused" if whole else "erasure.asked"
        detail = {"erasure": format_id("ers", erasure.id), "held": len(whole) + len(single)}
        await record(connection, tenant_id, action, person, detail)
    # Other processes hear of it within two seconds.
    forget_keys(engine)
    _log.info("erasure_asked", person=person, refused=bool(whole))
    if whole:
        names = ", ".join(format_id("hold", hold.id) for hold in whole)
        raise LegalHoldError(f"nothing was erased: {names} keeps all of {person}")
    return ErasureShown(erasure, [hold.id for hold in single], evidence)


async def show_erasure(
    engine: AsyncEngine, settings: Settings, tenant_id: int, erasure_id: UUID
) -> ErasureShown:
    """Return how far an erasure is.

    Raises:
        NotFoundError: The tenant has none such.
    """
    async with transaction(engine) as connection:
        erasure = await get_erasure(connection, tenant_id, erasure_id)
        if erasure is None:
            raise NotFoundError(f"there is no erasure {format_id('ers', erasure_id)}")
        return await _shown(connection, settings, erasure)


async def show_erasures(
    engine: AsyncEngine, settings: Settings, tenant_id: int
) -> list[ErasureShown]:
    """Return the newest erasures of a tenant."""
    async with transaction(engine) as connection:
        found = await list_erasures(connection, tenant_id, limit=_MOST_LISTED)
        return [await _shown(connection, settings, erasure) for erasure in found]


async def _shown(
    connection: AsyncConnection, settings: Settings, erasure: Erasure
) -> ErasureShown:
    whole, single, evidence = await holds_of(
        connection, settings, erasure.tenant_id, erasure.subject
    )
    return ErasureShown(erasure, [hold.id for hold in [*whole, *single]], evidence)


async def _keep_what_is_held(
    connection: AsyncConnection, tenant_id: int, end_user: str
) -> None:
    """Seal jobs that are on hold for the tenant: the person's own key will be gone."""
    for job in await held_jobs(connection, tenant_id, end_user):
        for table, stored in (("payload", job.payload), ("result", job.result)):
            body = Body(table, tenant_id, job.id, stored)
            sealed = await seal_for_tenant(connection, body)
            if sealed is not None:
                await put_body(connection, tenant_id, table, job.id, sealed)
