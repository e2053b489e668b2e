"""Legal holds: placed and released by operators, on record."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import actor, record
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.legal_holds import list_holds, place_hold, release_hold
from infra.postgres.read_jobs import get_job
from infra.settings import Settings
from infra.subjects import subject_of
from producer.operator.plans import find
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.privacy import HoldRequest, LegalHold, person_of

_MOST_LISTED = 1_000


async def place(
    engine: AsyncEngine, settings: Settings, wanted: HoldRequest
) -> tuple[str, LegalHold]:
    """Keep what is meant, whatever retention and erasures say; return it with its tenant.

    What retention or an erasure took before does not come back.

    Raises:
        InputError: What is written as a job's id is none.
        NotFoundError: There is no such tenant, or it has no such job.
    """
    job_id = None if wanted.job_id is None else _job_id(wanted.job_id)
    async with transaction(whole_transactions(engine)) as connection:
        tenant = await find(connection, wanted.tenant)
        if job_id is not None and await get_job(connection, tenant.id, job_id) is None:
            raise NotFoundError(f"{tenant.name} has no job {wanted.job_id}")
        subject = None
        if wanted.end_user is not None:
            subject = subject_of(settings, tenant.id, wanted.end_user)
        hold = await place_hold(
            connection,
            tenant.id,
            subject=subject,
            job_id=job_id,
            reason=wanted.reason,
            placed_by=actor(),
        )
        detail = {"hold": format_id("hold", hold.id), "reason": hold.reason}
        await record(connection, tenant.id, "hold.placed", _of(tenant.name, hold), detail)
    return tenant.name, hold


async def release(engine: AsyncEngine, hold_id: UUID) -> LegalHold:
    """End a hold.

    Raises:
        NotFoundError: There is none such in force.
    """
    shown = format_id("hold", hold_id)
    async with transaction(whole_transactions(engine)) as connection:
        hold = await release_hold(connection, hold_id, by=actor())
        if hold is None:
            raise NotFoundError(f"there is no legal hold {shown} in force")
        await record(
            connection, hold.tenant_id, "hold.released", _of("all", hold), {"hold": shown}
        )
    return hold


async def show_holds(
    engine: AsyncEngine, tenant: str | None, *, everything: bool = False
) -> list[tuple[str, LegalHold]]:
    """Return holds with the names of their tenants, newest first.

    Raises:
        NotFoundError: There is no such tenant.
    """
    async with transaction(engine) as connection:
        tenant_id = None if tenant is None else (await find(connection, tenant)).id
        return await list_holds(
            connection, tenant_id, everything=everything, limit=_MOST_LISTED
        )


def _of(tenant: str, hold: LegalHold) -> str:
    if hold.subject is not None:
        return person_of(hold.subject)
    return format_id("job", hold.job_id) if hold.job_id else f"tenant {tenant}"


def _job_id(written: str) -> UUID:
    try:
        return parse_id("job", written)
    except InvalidIdError as error:
        fault = FieldError("/job_id", str(error))
        raise InputError(f"{written} is no job's id", fields=[fault]) from None
