"""``client.jobs`` of ``AsyncGenq``: the same surface as ``genq.jobs``."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Unpack

from genq import exchanges
from genq.derived_jobs import AsyncDerivedJobs
from genq.event_models import JobEvent, read_job_event
from genq.files import write_whole
from genq.job_requests import JobFilter, RequestOptions, Webhook, When
from genq.listening import Listener
from genq.many_jobs import AsyncManyJobs
from genq.models import Job
from genq.pages import AsyncPages
from genq.pictures import Picture
from genq.raw_answers import async_raw
from genq.sse import SentEvent
from genq.waiting import OnChange, OnProgress, wait_for_job


class AsyncJobs(AsyncManyJobs, AsyncDerivedJobs):
    """The jobs of the key's owner. Arguments and errors are those of ``genq.jobs.Jobs``."""

    @cached_property
    def with_raw_response(self) -> "AsyncJobsWithRawResponse":
        """The same calls, giving the HTTP answer along with its result."""
        return AsyncJobsWithRawResponse(self)

    async def create(
        self,
        *,
        kind: str,
        input: Mapping[str, object],  # noqa: A002 - the field's name in the API
        model: str | None = None,
        lane: str | None = None,
        priority: int | None = None,
        webhook: Webhook | None = None,
        channels: Sequence[str] | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: Sequence[str] | None = None,
        end_user: str | None = None,
        run_at: When | None = None,
        start_timeout: float | None = None,
        deadline: When | None = None,
        unique: str | Mapping[str, object] | None = None,
        prompt_flags: bool | None = None,
        cache: str | None = None,
        requires: Mapping[str, object] | None = None,
        images: Sequence[Picture] | None = None,
        mask: Picture | None = None,
        idempotency_key: str | None = None,
        wait: float | None = None,
        **request: Unpack[RequestOptions],
    ) -> Job:
        """Submit a job."""
        body: dict[str, object] = {"kind": kind, "input": input, "model": model, "lane": lane}
        body |= {"priority": priority, "webhook": webhook, "channels": channels}
        body |= {"metadata": metadata, "tags": tags, "end_user": end_user, "run_at": run_at}
        body |= {"start_timeout": start_timeout, "deadline": deadline, "unique": unique}
        body |= {"prompt_flags": prompt_flags, "cache": cache, "requires": requires}
        asked = exchanges.create_job(
            body, idempotency_key=idempotency_key, wait=wait, images=images, mask=mask
        )
        return await self._transport.run(asked, request)

    async def get(
        self, job_id: str, *, wait: float | None = None, **request: Unpack[RequestOptions]
    ) -> Job:
        """Return a job, after up to ``wait`` seconds if it has not ended yet."""
        return await self._transport.run(exchanges.get_job(job_id, wait=wait), request)

    def list(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        **filters: Unpack[JobFilter],
    ) -> AsyncPages[Job]:
        """Return jobs, newest first: iterate over the page to get them all."""
        return AsyncPages(
            lambda query: self._transport.run(exchanges.list_jobs(query)),
            {"limit": limit, "after": after, **filters},
        )

    async def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it bounds the job, not a coroutine
        on_change: OnChange | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job:
        """Return the job when it has ended, in whatever way; see ``Job.require_success``."""
        return await self._transport.run(
            wait_for_job(job_id, timeout=timeout, on_change=on_change, on_progress=on_progress)
        )

    def events(
        self, job_id: str, *, last_event_id: str | None = None
    ) -> AsyncIterator[JobEvent]:
        """Yield what happens to the job, from its beginning to its end, as it happens."""
        listener = Listener(exchanges.job_source(job_id), last_event_id)
        return _read(self._transport.listen(listener))

    async def cancel(
        self, job_id: str, *, wait: float | None = None, **request: Unpack[RequestOptions]
    ) -> Job:
        """Cancel a job; cancelling twice is cancelling once."""
        return await self._transport.run(exchanges.cancel_job(job_id, wait=wait), request)

    async def retry(
        self,
        job_id: str,
        *,
        new_attempt: bool = False,
        idempotency_key: str | None = None,
        **request: Unpack[RequestOptions],
    ) -> Job:
        """Try a job again: a new job does what one that ended without success was to do."""
        asked = exchanges.retry_job(
            job_id, new_attempt=new_attempt, idempotency_key=idempotency_key
        )
        return await self._transport.run(asked, request)

    async def artifact(self, job_id: str, index: int) -> bytes:
        """Return the bytes of output number ``index``, counted from 0."""
        return await self._transport.run(exchanges.get_artifact(job_id, index))

    async def manifest(self, job_id: str) -> bytes:
        """Return what was asked, made, how and at which price: canonical JSON (RFC 8785)."""
        return await self._transport.run(exchanges.get_manifest(job_id))

    async def grid(
        self,
        job_id: str,
        *,
        labels: bool = False,
        width: int | None = None,
        format: str | None = None,  # noqa: A002 - the parameter's name in the API
    ) -> bytes:
        """Return 2 to 16 pictures of a job on one sheet.

        Args:
            job_id: The job.
            labels: Number them, from 1; an output's index is one less.
            width: The most pixels across.
            format: ``png``, ``jpeg`` or ``webp``.
        """
        query = {"labels": "true" if labels else None, "width": width, "format": format}
        return await self._transport.run(exchanges.get_grid(job_id, query))

    async def preview(self, job_id: str) -> bytes | None:
        """Return a small picture of what a running job has so far, if there is one."""
        return await self._transport.run(exchanges.get_preview(job_id))

    async def download(self, job_id: str, index: int, path: str | Path) -> Path:
        """Write output ``index`` to ``path``, whole or not at all; return the path."""
        content = await self.artifact(job_id, index)
        return await asyncio.to_thread(write_whole, Path(path), content)


class AsyncJobsWithRawResponse:
    """The calls of ``Jobs``, each giving a ``RawResponse``."""

    def __init__(self, jobs: AsyncJobs) -> None:
        self.create = async_raw(jobs.create)
        self.create_many = async_raw(jobs.create_many)
        self.get = async_raw(jobs.get)
        self.cancel = async_raw(jobs.cancel)
        self.retry = async_raw(jobs.retry)


async def _read(sent: AsyncIterator[SentEvent]) -> AsyncIterator[JobEvent]:
    async for event in sent:
        yield read_job_event(event)
