"""Uploaded files in the SDK: ``client.files`` of ``Genq`` and ``AsyncGenq``."""

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from genq.async_transport import AsyncTransport
from genq.byte_streams import async_saved, opening, saved
from genq.calls import Call, Exchange, found_in, good, place, query_of
from genq.file_models import StoredFile, read_file, read_files
from genq.pages import AsyncPage, Found, Page, Query
from genq.transport import Transport
from genq.uploads import Upload

_PATH: Final = "/v1/files"
# How long the server may work on an upload once its last byte was sent, in seconds.
_STORING: Final = 120


class Files:
    """The uploaded files of the key's owner, and those that batches made."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        file: Path | str | BinaryIO,
        *,
        purpose: str = "batch",
        filename: str | None = None,
        expires_after: int | None = None,
    ) -> StoredFile:
        """Upload a file; it is read while it is sent.

        Args:
            file: Where it is, or a file opened for reading bytes.
            purpose: What it is for: ``batch``, ``vision``, ``user_data``, ``evals``.
            filename: What it is to be called; else its own name.
            expires_after: Seconds that it is kept.

        Raises:
            InvalidRequestError: It is too large, or its purpose is unknown.
        """
        return self._transport.run(_create(file, purpose, filename, expires_after))

    def get(self, file_id: str) -> StoredFile:
        """Return what is known of a file.

        Raises:
            NotFoundError: There is no such file.
        """
        return self._transport.run(_get(file_id))

    def list(self, *, purpose: str | None = None, limit: int | None = None) -> Page[StoredFile]:
        """Return files, newest first; iterating goes on over all pages.

        Args:
            purpose: Only those for this.
            limit: How many a page.
        """
        return Page(lambda q: self._transport.run(_list(q)), _asked(purpose, limit))

    def delete(self, file_id: str) -> None:
        """Delete a file; a batch that reads it goes on."""
        self._transport.run(_delete(file_id))

    def download(self, file_id: str, path: Path | str) -> Path:
        """Write the bytes of a file to ``path``, in one step at the end, and return it."""
        return saved(self._transport, _content(file_id), Path(path))


class AsyncFiles:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Files``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        file: Path | str | BinaryIO,
        *,
        purpose: str = "batch",
        filename: str | None = None,
        expires_after: int | None = None,
    ) -> StoredFile:
        """Upload a file; it is read while it is sent."""
        return await self._transport.run(_create(file, purpose, filename, expires_after))

    async def get(self, file_id: str) -> StoredFile:
        """Return what is known of a file."""
        return await self._transport.run(_get(file_id))

    async def list(
        self, *, purpose: str | None = None, limit: int | None = None
    ) -> AsyncPage[StoredFile]:
        """Return files, newest first; iterating goes on over all pages."""
        query = _asked(purpose, limit)

        async def fetch(asked: Query) -> Found[StoredFile]:
            return await self._transport.run(_list(asked))

        return AsyncPage(fetch, query, await fetch(query))

    async def delete(self, file_id: str) -> None:
        """Delete a file; a batch that reads it goes on."""
        await self._transport.run(_delete(file_id))

    async def download(self, file_id: str, path: Path | str) -> Path:
        """Write the bytes of a file to ``path``, in one step at the end, and return it."""
        return await async_saved(self._transport, _content(file_id), Path(path))


def _create(
    file: Path | str | BinaryIO,
    purpose: str,
    filename: str | None,
    expires_after: int | None,
) -> Exchange[StoredFile]:
    source = Path(file) if isinstance(file, str) else file
    own = source.name if isinstance(source, Path) else "upload.jsonl"
    fields = {"purpose": purpose}
    if expires_after is not None:
        fields |= {
            "expires_after[anchor]": "created_at",
            "expires_after[seconds]": str(expires_after),
        }
    form = Upload(source, filename or own, "application/octet-stream", fields)
    return read_file(found_in((yield Call("POST", _PATH, hold=_STORING, upload=form))))


def _get(file_id: str) -> Exchange[StoredFile]:
    return read_file(found_in((yield Call("GET", _place(file_id)))))


def _list(query: Mapping[str, object]) -> Exchange[Found[StoredFile]]:
    return read_files(found_in((yield Call("GET", _PATH, query=query_of(query)))))


def _delete(file_id: str) -> Exchange[None]:
    good((yield Call("DELETE", _place(file_id))))


def _content(file_id: str) -> Call:
    return opening(f"{_place(file_id)}/content", {}, follow=True)


def _asked(purpose: str | None, limit: int | None) -> Query:
    return {"purpose": purpose, "limit": limit}


def _place(file_id: str) -> str:
    return place("file-", file_id, _PATH)
