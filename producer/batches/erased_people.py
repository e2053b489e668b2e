"""Lines whose person was erased after their file came: they do not become jobs any more."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.erased_lines import erased_since
from infra.settings import Settings
from infra.subjects import subject_of
from producer.batches.line_drafts import LineDraft, erased_draft
from schemas.stored_file import FileRecord


async def without_erased(
    connection: AsyncConnection,
    settings: Settings,
    file: FileRecord,
    drafts: Sequence[LineDraft],
) -> Sequence[LineDraft]:
    """Return drafts with those emptied whose person was erased since.

    Args:
        connection: The transaction that writes the jobs: an erasure that it does not see yet
            finds them.
        settings: What pseudonyms are made with.
        file: Where the lines stand.
        drafts: As they were read.
    """
    people = {
        draft.number: subject_of(settings, file.tenant_id, draft.new.end_user)
        for draft in drafts
        if draft.new is not None and draft.new.end_user is not None
    }
    gone = await erased_since(connection, file.tenant_id, set(people.values()), file.created_at)
    if not gone:
        return drafts
    return [
        erased_draft(draft.number) if people.get(draft.number) in gone else draft
        for draft in drafts
    ]
