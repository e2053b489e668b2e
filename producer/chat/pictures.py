"""The pictures that came with a command, as a job's input names them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol, cast
from uuid import UUID

from infra.chat.adapter import ChatHttp
from infra.postgres.engine import transaction
from infra.postgres.job_files import leave_files
from infra.spool import open_spool
from producer.bulk_items import is_refusal
from producer.chat.asked import Asked, ChatMeans
from producer.files import Files, NewFile
from schemas.chat_inbound import Attached, Command
from schemas.errors import FieldError, GenqError, InputError, PayloadTooLargeError
from schemas.ids import format_id
from schemas.stored_file import FilePurpose

MOST_BYTES: Final = 20_000_000
"""Of one picture: as much as Telegram lets bots fetch."""


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

    Args:
        means: What there is to work with.
        asked: The command, with what was attached.
        links: Addresses that stand in its text.

    Raises:
        InputError: One is no picture, or too large.
        PictureUnavailableError: The platform does not hand it out.
        ChatUnreachableError: The platform cannot be reached.
        ObjectStoreError: It cannot be stored.
    """
    pictures = Pictures(means, asked.tenant.id)
    try:
        for attached in asked.heard.pictures:
            _refuse_unfit(attached)
            pictures.names.append(await _name_of(pictures, asked, attached))
        pictures.names.extend(links)
        yield pictures
    except GenqError as error:
        # A job that may have been accepted all the same finds its pictures.
        if is_refusal(error):
            await pictures.leave()
        raise


def _refuse_unfit(attached: Attached) -> None:
    if attached.media_type and not attached.media_type.lower().startswith("image/"):
        what = "this is no picture: send PNG, JPEG, WebP, GIF or AVIF"
        raise InputError(what, fields=[FieldError("/picture", what)])
    if attached.size > MOST_BYTES:
        raise PayloadTooLargeError(
            f"the picture has {attached.size} bytes; {MOST_BYTES} may be: send a smaller one"
        )


async def _name_of(pictures: Pictures, asked: Asked[Command], attached: Attached) -> str:
    if attached.file_id is None:
        return attached.url or ""
    fetching = cast("_FetchesFiles", asked.adapter)
    data = await fetching.fetch_file(attached.file_id, pictures.means.http)
    means = pictures.means
    async with open_spool(means.settings) as spool:
        await spool.add(data)
        wanted = NewFile(FilePurpose.VISION, content_type=attached.media_type)
        files = Files(means.engine, means.store, means.settings)
        file = await files.create(pictures.tenant_id, wanted, spool)
    pictures.files.append(file.id)
    return format_id("file", file.id)
