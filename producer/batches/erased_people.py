"""Lines whose person was erased after their file came: they say nothing, and become no jobs."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.erased_lines import erased_since
from infra.postgres.erasures import GRACE
from infra.settings import Settings
from infra.subjects import subject_of
from producer.batches.line_drafts import LineDraft, erased_draft
from producer.breather import Breather
from schemas.stored_file import FileRecord


async def without_erased(
    connection: AsyncConnection,
    settings: Settings,
    file: FileRecord,
    drafts: Sequence[LineDraft],
) -> Sequence[LineDraft]:
    """Return drafts with those emptied that name somebody who was erased since.

    Args:
        connection: The transaction that writes the lines: an erasure that it does not see yet
            finds them.
        settings: What pseudonyms are made with.
        file: Where the lines stand.
        drafts: As they were read.
    """
    people, breather = dict[int, set[bytes]](), Breather()
    for draft in drafts:
        if draft.people:
            people[draft.number] = {
                subject_of(settings, file.tenant_id, name) for name in draft.people
            }
        await breather.breathe()
    # As the walk of an erasure has it: a file that came so soon after it came before.
    since = file.created_at - GRACE
    subjects = set[bytes]().union(*people.values())
    gone = await erased_since(connection, file.tenant_id, subjects, since)
    if not gone:
        return drafts
    return [
        draft if gone.isdisjoint(people.get(draft.number, ())) else erased_draft(draft.number)
        for draft in drafts
    ]
