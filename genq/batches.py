"""Batches in the SDK: ``client.batches`` of ``Genq`` and ``AsyncGenq``."""

from collections.abc import AsyncIterator, Iterator
from typing import Unpack

from genq import batch_exchanges as exchanges
from genq.async_transport import AsyncTransport
from genq.batch_exchanges import BatchOptions, OnBatch, ResultsWalk
from genq.batch_models import Batch, BatchResult
from genq.byte_streams import async_heard, heard
from genq.errors import ServerUnreachableError, UnavailableError
from genq.pages import AsyncPage, Found, Page, Query
from genq.transport import Transport

_BREAKS = (ServerUnreachableError, UnavailableError)


class Batches:
    """Many requests in a file, answered when there is room."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        input_file_id: str,
        endpoint: str,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[BatchOptions],
    ) -> Batch:
        """Make a batch of an uploaded file.

        Args:
            input_file_id: Of ``files.create``: JSON, one request a line.
            endpoint: What every line asks for, such as ``/v1/chat/completions``.
            idempotency_key: The same key with the same arguments is the same batch.
            options: ``lane="relax"``, ``completion_window="3d"``, ``max_parallel=50``…

        Raises:
            InvalidRequestError: Something is wrong; ``fields`` says what.
            RateLimitedError: As many batches are under way as may be.
        """
        return self._transport.run(
            exchanges.create_batch(input_file_id, endpoint, options, idempotency_key)
        )

    def get(self, batch_id: str) -> Batch:
        """Return a batch: how far it is, and why lines of it failed.

        Raises:
            NotFoundError: There is no such batch.
        """
        return self._transport.run(exchanges.get_batch(batch_id))

    def list(self, *, limit: int | None = None, after: str | None = None) -> Page[Batch]:
        """Return batches, newest first; iterating goes on over all pages.

        Args:
            limit: How many a page, 100 at the most.
            after: The id of a batch: those made before it.
        """
        query: Query = {"limit": limit, "after": after}
        return Page(lambda q: self._transport.run(exchanges.list_batches(q)), query)

    def cancel(self, batch_id: str) -> Batch:
        """Cancel a batch; what has ended stays. To cancel twice is to cancel once.

        Raises:
            InvalidRequestError: It has ended in another way.
        """
        return self._transport.run(exchanges.cancel_batch(batch_id))

    def retry(
        self,
        batch_id: str,
        *,
        completion_window: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Make a batch of those lines that did not succeed.

        Args:
            batch_id: A batch that has ended.
            completion_window: Of the new one; else as the first time.
            idempotency_key: The same key is the same new batch.

        Raises:
            InvalidRequestError: It runs, none of its lines failed, or its file is gone.
        """
        return self._transport.run(
            exchanges.retry_batch(batch_id, completion_window, idempotency_key)
        )

    def wait(
        self,
        batch_id: str,
        *,
        timeout: float | None = None,
        on_change: OnBatch | None = None,
    ) -> Batch:
        """Return the batch when it has ended, whatever way.

        Args:
            batch_id: The batch.
            timeout: Seconds; without end if not given.
            on_change: Hears of every look at it.

        Raises:
            WaitTimeoutError: ``timeout`` seconds have passed; the batch goes on.
        """
        return self._transport.run(
            exchanges.wait_for_batch(batch_id, timeout=timeout, on_change=on_change)
        )

    def results(
        self, batch_id: str, *, after: int = 0, include: str = "all", follow: bool = False
    ) -> Iterator[BatchResult]:
        """Yield the lines that have ended, in that order, while it runs or afterwards.

        Args:
            batch_id: The batch.
            after: The ``seq`` of the last line that is known.
            include: ``all``, ``output``: those that succeeded, or ``errors``: the others.
            follow: Go on until the batch has ended.

        Raises:
            NotFoundError: There is no such batch.
            ServerUnreachableError: The connection broke again and again.
        """
        walk = ResultsWalk(batch_id, after=after, include=include, follow=follow)
        while not walk.over:
            try:
                with self._transport.line() as line:
                    answer, pieces = heard(line, walk.call())
                    walk.begin(answer)
                    for piece in pieces:
                        yield from walk.take(piece)
            except _BREAKS:
                if not walk.broke():
                    raise
            else:
                walk.end()


class AsyncBatches:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Batches``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        input_file_id: str,
        endpoint: str,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[BatchOptions],
    ) -> Batch:
        """Make a batch of an uploaded file."""
        return await self._transport.run(
            exchanges.create_batch(input_file_id, endpoint, options, idempotency_key)
        )

    async def get(self, batch_id: str) -> Batch:
        """Return a batch: how far it is, and why lines of it failed."""
        return await self._transport.run(exchanges.get_batch(batch_id))

    async def list(
        self, *, limit: int | None = None, after: str | None = None
    ) -> AsyncPage[Batch]:
        """Return batches, newest first; iterating goes on over all pages."""
        query: Query = {"limit": limit, "after": after}

        async def fetch(asked: Query) -> Found[Batch]:
            return await self._transport.run(exchanges.list_batches(asked))

        return AsyncPage(fetch, query, await fetch(query))

    async def cancel(self, batch_id: str) -> Batch:
        """Cancel a batch; what has ended stays. To cancel twice is to cancel once."""
        return await self._transport.run(exchanges.cancel_batch(batch_id))

    async def retry(
        self,
        batch_id: str,
        *,
        completion_window: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Make a batch of those lines that did not succeed."""
        return await self._transport.run(
            exchanges.retry_batch(batch_id, completion_window, idempotency_key)
        )

    async def wait(
        self,
        batch_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as the twin without async has it
        on_change: OnBatch | None = None,
    ) -> Batch:
        """Return the batch when it has ended, whatever way."""
        return await self._transport.run(
            exchanges.wait_for_batch(batch_id, timeout=timeout, on_change=on_change)
        )

    async def results(
        self, batch_id: str, *, after: int = 0, include: str = "all", follow: bool = False
    ) -> AsyncIterator[BatchResult]:
        """Yield the lines that have ended, in that order, while it runs or afterwards."""
        walk = ResultsWalk(batch_id, after=after, include=include, follow=follow)
        while not walk.over:
            try:
                async with self._transport.line() as line:
                    answer, pieces = await async_heard(line, walk.call())
                    walk.begin(answer)
                    async for piece in pieces:
                        for result in walk.take(piece):
                            yield result
            except _BREAKS:
                if not walk.broke():
                    raise
            else:
                walk.end()
