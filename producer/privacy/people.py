"""Who a job belongs to, and what keeps it: pseudonyms and legal holds, looked at together."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.erasures import people_of
from infra.postgres.legal_holds import held_evidence, holds_in_force
from infra.settings import Settings
from infra.subjects import subject_of
from schemas.privacy import LegalHold

_MOST_LISTED = 100


def is_kept(
    holds: Sequence[LegalHold],
    settings: Settings,
    tenant_id: int,
    job: tuple[UUID, str | None],
) -> bool:
    """Return whether a hold keeps a tenant's job, given by its id and end user."""
    if not holds:
        return False
    job_id, end_user = job
    subject = subject_of(settings, tenant_id, end_user)
    return any(hold.keeps(job_id, subject) for hold in holds)


async def holds_of(
    connection: AsyncConnection, settings: Settings, tenant_id: int, subject: bytes
) -> tuple[list[LegalHold], list[LegalHold], list[UUID]]:
    """Return what keeps a person's content.

    Returns:
        Holds of everything, holds of single jobs, and evidence that is kept in any case.
    """
    holds = await holds_in_force(connection, [tenant_id])
    whole = [hold for hold in holds if hold.job_id is None and hold.subject in {None, subject}]
    jobs = [hold.job_id for hold in holds if hold.job_id is not None]
    people = await people_of(connection, tenant_id, jobs) if jobs else {}
    theirs = {
        job_id
        for job_id, end_user in people.items()
        if subject_of(settings, tenant_id, end_user) == subject
    }
    single = [hold for hold in holds if hold.job_id in theirs]
    evidence = await held_evidence(connection, tenant_id, subject, limit=_MOST_LISTED)
    return whole, single, evidence
