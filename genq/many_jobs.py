"""Many jobs in one call: the part of ``client.jobs`` that is about more than one."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Unpack

from genq import exchanges
from genq.async_transport import AsyncTransport
from genq.bulk_models import ActionReport, Bulk
from genq.job_requests import JobFilter, JobRequest, RequestOptions
from genq.models import CancelReport
from genq.transport import Transport


class ManyJobs:
    """What can be done to many jobs at once."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create_many(
        self,
        jobs: Iterable[JobRequest | Mapping[str, object]],
        *,
        all_or_nothing: bool = True,
        idempotency_key: str | None = None,
        **request: Unpack[RequestOptions],
    ) -> Bulk:
        """Submit up to 1,000 jobs in one request.

        Args:
            jobs: What ``create`` takes, each as a mapping (``JobRequest`` is its type).
            all_or_nothing: One that is not acceptable refuses all; else each stands for
                itself, and ``refusals`` of the answer tells which were refused.
            idempotency_key: As of ``create``.
            request: How this request is sent.

        Raises:
            InvalidRequestError: One of all or nothing is wrong; ``errors`` says which.
            ApiError: The server refused the request; the other subclasses say why.
        """
        asked = exchanges.create_jobs(
            jobs, all_or_nothing=all_or_nothing, idempotency_key=idempotency_key
        )
        return self._transport.run(asked, request)

    def cancel_matching(
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
        """Cancel every unfinished job that fits all that is given.

        Args:
            lane: Such as ``batch``.
            kind: ``image`` or ``chat``.
            model: The model that they are for.
            batch_id: The batch that they came with.
            status: ``queued`` or ``running``.
            end_user: Who of your users asked for them.
            metadata: Texts of yours that they carry, among others.
            created_after: Not those that are older.
            created_before: Only those that are older.
            every: Needed if nothing else is given.
            dry_run: Only count them.
        """
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
        return self._transport.run(exchanges.cancel_jobs(wanted))

    def retry_matching(
        self,
        *,
        every: bool = False,
        dry_run: bool = False,
        **filters: Unpack[JobFilter],
    ) -> ActionReport:
        """Try every job again that ended without success and fits all that is given.

        Args:
            every: Needed if no filter is given.
            dry_run: Only count them.
            filters: As of ``list``: ``error_code="model_unavailable"``, ``tag="poster"``…
        """
        return self._transport.run(exchanges.retry_jobs(filters, every=every, dry_run=dry_run))


class AsyncManyJobs:
    """The same for ``AsyncGenq``; arguments and errors are those of ``ManyJobs``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create_many(
        self,
        jobs: Iterable[JobRequest | Mapping[str, object]],
        *,
        all_or_nothing: bool = True,
        idempotency_key: str | None = None,
        **request: Unpack[RequestOptions],
    ) -> Bulk:
        """Submit up to 1,000 jobs in one request."""
        asked = exchanges.create_jobs(
            jobs, all_or_nothing=all_or_nothing, idempotency_key=idempotency_key
        )
        return await self._transport.run(asked, request)

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

    async def retry_matching(
        self,
        *,
        every: bool = False,
        dry_run: bool = False,
        **filters: Unpack[JobFilter],
    ) -> ActionReport:
        """Try every job again that ended without success and fits all that is given."""
        return await self._transport.run(
            exchanges.retry_jobs(filters, every=every, dry_run=dry_run)
        )
