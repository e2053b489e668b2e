"""The pictures that came with a command, as a job's input names them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol, cast
from uuid import UUID

from infra.chat.adapter import ChatHttp
from infra.postgres.chat_people import unfinished_of
from infra.postgres.engine import transaction
from infra.postgres.job_files import leave_files
from infra.spool import open_spool
from producer.bulk_items import is_refusal
from producer.chat.asked import Asked, ChatMeans
from producer.files import Files, NewFile
from schemas.chat_errors import ChatQueueFullError
from schemas.chat_inbound import Attached, Command
from schemas.errors import FieldError, GenqError, InputError, PayloadTooLargeError
from schemas.ids import format_id
from schemas.stored_file import FilePurpose

MOST_BYTES: Final = 20_000_000
"""Of one picture: as much as Telegram lets bots fetch."""


# What else a document is said to be is not repeated: it would be the type of a file of ours.
_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"})


class _FetchesFiles(Protocol):
    """A platform whose pictures only its adapter can fetch."""

    async def fetch_file(self, file_id: str, http: ChatHttp) -> bytes:
        """Return the bytes of a file."""
        ...


@dataclass(slots=True)
class Pictures:
    """Pictures that can be named in a job's input.

    Attributes:
        names: URLs, and ids of files.
        files: The tenant's files among them, made for this job.
    """

    means: ChatMeans = field(repr=False)
    tenant_id: int
    names: list[str] = field(default_factory=list[str], repr=False)
    files: list[UUID] = field(default_factory=list[UUID])

    async def leave(self) -> None:
        """Let the files go: no job has them."""
        if self.files:
            async with transaction(self.means.engine) as connection:
                await leave_files(connection, self.tenant_id, self.files)


@asynccontextmanager
async def named_pictures(
    means: ChatMeans, asked: Asked[Command], links: Sequence[str]
) -> AsyncGenerator[Pictures]:
    """Give the names of a command's pictures; what was stored goes if the block refuses.

    Whoever has as many jobs as they may has nothing fetched.

    Args:
        means: What there is to work with.
        asked: The command, with what was attached.
        links: Addresses that stand in its text.

    Raises:
        InputError: One is no picture, or too large.
        ChatQueueFullError: The person has as many unfinished jobs as they may.
        PictureUnavailableError: The platform does not hand it out.
        ChatUnreachableError: The platform cannot be reached.
        ObjectStoreError: It cannot be stored.
    """
    pictures = Pictures(means, asked.tenant.id, files=list(asked.turn.stored.values()))
    try:
        for attached in asked.heard.pictures:
            _refuse_unfit(attached)
        if any(attached.file_id is not None for attached in asked.heard.pictures):
            await _require_room(means, asked)
        for attached in asked.heard.pictures:
            pictures.names.append(await _name_of(pictures, asked, attached))
        pictures.names.extend(links)
        yield pictures
    except GenqError as error:
        # A job that may have been accepted all the same finds its pictures.
        if is_refusal(error):
            await pictures.leave()
            asked.turn.stored.clear()
        raise


def _refuse_unfit(attached: Attached) -> None:
    if attached.media_type and not attached.media_type.lower().startswith("image/"):
        what = "this is no picture: send PNG, JPEG, WebP, GIF or AVIF"
        raise InputError(what, fields=[FieldError("/picture", what)])
    if attached.size > MOST_BYTES:
        raise PayloadTooLargeError(
            f"the picture has {attached.size} bytes; {MOST_BYTES} may be: send a smaller one"
        )


async def _require_room(means: ChatMeans, asked: Asked[Command]) -> None:
    """Refuse early what would be refused once the pictures are here; the last word is later."""
    async with transaction(means.engine) as connection:
        have = await unfinished_of(connection, asked.person)
    most = asked.rules.max_jobs or means.settings.chat_user_jobs
    if have.running + have.waiting >= most:
        raise ChatQueueFullError(running=have.running, waiting=have.waiting, most=most)


async def _name_of(pictures: Pictures, asked: Asked[Command], attached: Attached) -> str:
    if attached.file_id is None:
        return attached.url or ""
    stored = asked.turn.stored.get(attached.file_id)
    if stored is None:
        stored = await _store(pictures, asked, attached, attached.file_id)
        asked.turn.stored[attached.file_id] = stored
        pictures.files.append(stored)
    return format_id("file", stored)


async def _store(
    pictures: Pictures, asked: Asked[Command], attached: Attached, file_id: str
) -> UUID:
    """Fetch a picture and keep it as a file of the tenant's."""
    means, fetches = pictures.means, cast("_FetchesFiles", asked.adapter)
    said = attached.media_type.lower()
    wanted = NewFile(FilePurpose.VISION, content_type=said if said in _TYPES else "")
    async with open_spool(means.settings) as spool:
        async with means.fetching:
            await spool.add(await fetches.fetch_file(file_id, means.http))
        files = Files(means.engine, means.store, means.settings)
        return (await files.create(pictures.tenant_id, wanted, spool)).id
