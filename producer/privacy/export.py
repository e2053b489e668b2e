"""All that there is of a person, job by job: for whoever asks what is stored of them.

A job that a chat made says so under ``chat``; what binds the person in chats comes last.
"""

from collections.abc import AsyncGenerator
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.chat_bindings import get_binding
from infra.postgres.chat_erasure import bound_people, messages_of_jobs
from infra.postgres.chat_messages import KeptMessage
from infra.postgres.engine import transaction
from infra.postgres.erasures import jobs_with_names
from infra.postgres.read_jobs import get_jobs
from schemas.chat_binding import ChatBinding
from schemas.job import iso_ms, job_view

_PAGE: Final = 2_000
_JOBS: Final = 100
_FIRST: Final = UUID(int=0)


async def export_person(
    engine: AsyncEngine, tenant_id: int, end_user: str, public_url: str
) -> AsyncGenerator[dict[str, Any]]:
    """Yield every job that names the person, as its tenant sees it, oldest first.

    Inputs, outputs, links to artifacts and verdicts are in it, and where a chat shows it. What
    binds the person in chats follows. After an erasure there is nothing, but for what is on
    hold.

    Raises:
        ContentUnreadableError: A key is missing.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    after = _FIRST
    while True:
        async with transaction(engine) as connection:
            page = await jobs_with_names(connection, tenant_id, after=after, limit=_PAGE)
        if not page:
            break
        after = page[-1].id
        theirs = [job.id for job in page if job.end_user == end_user]
        for start in range(0, len(theirs), _JOBS):
            chunk = theirs[start : start + _JOBS]
            async with transaction(engine) as connection:
                jobs = await get_jobs(connection, [(one, tenant_id) for one in chunk])
                shown = await messages_of_jobs(connection, tenant_id, chunk)
            for job_id in chunk:
                if job_id in jobs:
                    view = job_view(jobs[job_id], public_url, whole=True)
                    yield view | _chat(shown.get(job_id))
    async with transaction(engine) as connection:
        bound = await bound_people(connection, tenant_id)
        theirs = [binding for binding, name in bound if name == end_user]
        bindings = [await get_binding(connection, one) for one in theirs]
    for binding in bindings:
        if binding is not None:
            yield _binding(binding)


def _chat(message: KeptMessage | None) -> dict[str, Any]:
    if message is None:
        return {}
    return {
        "chat": {
            "platform": message.platform.value,
            "place": message.place_id,
            "user": message.user_id,
            "channel": message.ref.channel,
            "message": message.ref.message,
            "command": message.command,
            "title": message.title,
        }
    }


def _binding(binding: ChatBinding) -> dict[str, Any]:
    return {
        "object": "chat_binding",
        "platform": binding.platform.value,
        "place": binding.place_id,
        "user": binding.user_id,
        "rules": binding.rules.model_dump(mode="json", exclude_defaults=True),
        "created_at": iso_ms(binding.created_at),
    }
