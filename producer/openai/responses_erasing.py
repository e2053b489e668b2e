"""A response is deleted: what was asked and what was made are erased; the job stays."""

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.objectstore.store import ObjectStore
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.erase_content import erase_content
from infra.postgres.legal_holds import holds_in_force
from infra.settings import Settings
from producer.privacy.objects import delete_objects, keys_of
from producer.privacy.people import is_kept
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.privacy_errors import LegalHoldError


async def erase_response(
    engine: AsyncEngine, settings: Settings, store: ObjectStore, job: JobRecord
) -> None:
    """Erase the content of a response that has ended; to erase it twice is to erase it once.

    Raises:
        LegalHoldError: It must be kept; nothing was erased.
        ObjectStoreError: A picture could not be deleted; nothing else was erased.
    """
    whole = whole_transactions(engine)
    async with transaction(whole) as connection:
        holds = await holds_in_force(connection, [job.tenant_id])
        if is_kept(holds, settings, job.tenant_id, (job.id, job.end_user)):
            shown = format_id("resp", job.id)
            raise LegalHoldError(f"nothing was erased: a legal hold keeps {shown}")
        keys = await keys_of(connection, settings, [job.id])
    await delete_objects(store, keys)
    async with transaction(whole) as connection:
        await erase_content(connection, [job.id], prompts=True, results=True)
