"""Takes people out of what was used: the numbers stay, for they were charged."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.usage import names_in_usage, unname_usage
from infra.settings import Settings
from infra.subjects import subject_of
from schemas.privacy import Erasure

_PAGE: Final = 1_000


async def forget_in_usage(
    connection: AsyncConnection, settings: Settings, erasure: Erasure
) -> None:
    """Let an erased person's usage be nobody's; hours outlive jobs, so they are asked alone."""
    tenant_id, after = erasure.tenant_id, ""
    while True:
        names = await names_in_usage(connection, tenant_id, after=after, limit=_PAGE)
        theirs = [
            name for name in names if subject_of(settings, tenant_id, name) == erasure.subject
        ]
        await unname_usage(connection, tenant_id, theirs)
        if len(names) < _PAGE:
            return
        after = names[-1]
