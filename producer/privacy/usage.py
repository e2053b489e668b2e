"""Finds people in what was used: they go, and the numbers stay, for they were charged."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.usage import names_in_usage
from infra.settings import Settings
from infra.subjects import subject_of
from schemas.privacy import Erasure

_PAGE: Final = 1_000


async def names_of_person(
    engine: AsyncEngine, settings: Settings, erasure: Erasure
) -> list[str]:
    """Return the names of an erased person in usage; hours outlive jobs: they are asked alone.

    A page is a transaction: what erases holds nothing meanwhile. The person's jobs have ended,
    so that no name comes after.
    """
    tenant_id, after = erasure.tenant_id, ""
    theirs: list[str] = []
    while True:
        async with transaction(engine) as connection:
            names = await names_in_usage(connection, tenant_id, after=after, limit=_PAGE)
        theirs += [
            name for name in names if subject_of(settings, tenant_id, name) == erasure.subject
        ]
        if len(names) < _PAGE:
            return theirs
        after = names[-1]
