"""The async SDK: ``await AsyncGenq().jobs.create(...)``, the same surface as ``Genq``."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from genq import exchanges
from genq.cli.profile import connection
from genq.client import DEFAULT_TIMEOUT, Webhook
from genq.dead_letters import AsyncDeadLetters
from genq.files import write_whole
from genq.models import CancelReport, Job
from genq.schedules import AsyncSchedules
from genq.transport import AsyncTransport, Target


class AsyncGenq:
    """A client of one genq server; use it as an async context manager, or call ``close``."""

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        """Find the server; nothing is sent yet. See ``Genq``.

        Raises:
            ConfigurationError: No server or no key is known.
        """
        found = connection(base_url, api_key)
        self._transport = AsyncTransport(Target(found.url, found.api_key, timeout))
        self.base_url = found.url
        self.jobs = AsyncJobs(self._transport)
        self.dead_letters = AsyncDeadLetters(self._transport)
        self.schedules = AsyncSchedules(self._transport)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncJobPage:
    """One page of jobs, newest first; iterating goes on over all later pages."""

    def __init__(
        self,
        transport: AsyncTransport,
        query: Mapping[str, object],
        data: tuple[Job, ...],
        *,
        has_more: bool,
    ) -> None:
        self._transport = transport
        self._query = query
        self.data = data
        self.has_more = has_more

    async def next_page(self) -> "AsyncJobPage | None":
        """Return the page after this one, or ``None`` at the end."""
        if not self.has_more or not self.data:
            return None
        return await _page(self._transport, {**self._query, "after": self.data[-1].id})

    async def __aiter__(self) -> AsyncIterator[Job]:
        page: AsyncJobPage | None = self
        while page is not None:
            for job in page.data:
                yield job
            page = await page.next_page()


class AsyncJobs:
    """The jobs of the key's owner. Arguments and errors are those of ``genq.client.Jobs``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        *,
        kind: str,
        input: Mapping[str, object],  # noqa: A002 - the field's name in the API
        model: str | None = None,
        lane: str | None = None,
        priority: int | None = None,
        webhook: Webhook | None = None,
        metadata: Mapping[str, str] | None = None,
        end_user: str | None = None,
        run_at: datetime | float | None = None,
        start_timeout: float | None = None,
        deadline: datetime | float | None = None,
        unique: str | Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
        wait: float | None = None,
    ) -> Job:
        """Submit a job."""
        body = {
            "kind": kind,
            "input": input,
            "model": model,
            "lane": lane,
            "priority": priority,
            "webhook": {"url": webhook} if isinstance(webhook, str) else webhook,
            "metadata": metadata,
            "end_user": end_user,
            "run_at": run_at,
            "start_timeout": start_timeout,
            "deadline": deadline,
            "unique": {"key": unique} if isinstance(unique, str) else unique,
        }
        return await self._transport.run(
            exchanges.create_job(body, idempotency_key=idempotency_key, wait=wait)
        )

    async def get(self, job_id: str, *, wait: float | None = None) -> Job:
        """Return a job, after up to ``wait`` seconds if it has not ended yet."""
        return await self._transport.run(exchanges.get_job(job_id, wait=wait))

    async def list(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        status: str | None = None,
        lane: str | None = None,
        kind: str | None = None,
    ) -> AsyncJobPage:
        """Return jobs, newest first: ``async for`` over the page gets them all."""
        query = {"limit": limit, "after": after, "status": status, "lane": lane, "kind": kind}
        return await _page(self._transport, query)

    async def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the server holds the request for it
        on_change: exchanges.OnChange | None = None,
    ) -> Job:
        """Return the job when it has ended, in whatever way; see ``Job.require_success``."""
        return await self._transport.run(
            exchanges.wait_for_job(job_id, timeout=timeout, on_change=on_change)
        )

    async def cancel(self, job_id: str, *, wait: float | None = None) -> Job:
        """Cancel a job; cancelling twice is cancelling once."""
        return await self._transport.run(exchanges.cancel_job(job_id, wait=wait))

    async def cancel_matching(
        self,
        *,
        lane: str | None = None,
        kind: str | None = None,
        model: str | None = None,
        batch_id: str | None = None,
        status: str | None = None,
        end_user: str | None = None,
        metadata: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        every: bool = False,
        dry_run: bool = False,
    ) -> CancelReport:
        """Cancel every unfinished job that fits all that is given."""
        wanted = {
            "lane": lane,
            "kind": kind,
            "model": model,
            "batch_id": batch_id,
            "status": status,
            "end_user": end_user,
            "metadata": metadata,
            "created_after": created_after,
            "created_before": created_before,
            "all": every,
            "dry_run": dry_run,
        }
        return await self._transport.run(exchanges.cancel_jobs(wanted))

    async def artifact(self, job_id: str, index: int) -> bytes:
        """Return the bytes of output number ``index``, counted from 0."""
        return await self._transport.run(exchanges.get_artifact(job_id, index))

    async def download(self, job_id: str, index: int, path: str | Path) -> Path:
        """Write output ``index`` to ``path``, whole or not at all; return the path."""
        content = await self.artifact(job_id, index)
        return await asyncio.to_thread(write_whole, Path(path), content)


async def _page(transport: AsyncTransport, query: Mapping[str, object]) -> AsyncJobPage:
    found = await transport.run(exchanges.list_jobs(query))
    return AsyncJobPage(transport, query, found.jobs, has_more=found.has_more)
