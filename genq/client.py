"""The synchronous SDK: ``Genq().jobs.create(...)``, shaped like the OpenAI SDK."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from genq import exchanges
from genq.cli.profile import connection
from genq.dead_letters import DeadLetters
from genq.files import write_whole
from genq.models import CancelReport, Job
from genq.schedules import Schedules
from genq.transport import Target, Transport

DEFAULT_TIMEOUT: Final = 30.0

Webhook = str | Mapping[str, object]


class Genq:
    """A client of one genq server; use it as a context manager, or call ``close``.

    >>> with Genq() as client:
    ...     job = client.jobs.create(kind="image", input={"prompt": "a red kite over the sea"})
    ...     job = client.jobs.wait(job.id)
    ...     client.jobs.download(job.id, 0, "kite.png")
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        """Find the server; nothing is sent yet.

        Args:
            api_key: ``gq_…``; else ``GENQ_API_KEY``; else the profile that ``genq up`` wrote.
            base_url: Such as ``http://127.0.0.1:8080``; else ``GENQ_URL``; else the profile.
            timeout: Seconds for one request, on top of what the server holds it for.

        Raises:
            ConfigurationError: No server or no key is known.
        """
        found = connection(base_url, api_key)
        self._transport = Transport(Target(found.url, found.api_key, timeout))
        self.base_url = found.url
        self.jobs = Jobs(self._transport)
        self.dead_letters = DeadLetters(self._transport)
        self.schedules = Schedules(self._transport)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class JobPage:
    """One page of jobs, newest first; iterating goes on over all later pages."""

    def __init__(
        self,
        transport: Transport,
        query: Mapping[str, object],
        data: tuple[Job, ...],
        *,
        has_more: bool,
    ) -> None:
        self._transport = transport
        self._query = query
        self.data = data
        self.has_more = has_more

    def next_page(self) -> "JobPage | None":
        """Return the page after this one, or ``None`` at the end."""
        if not self.has_more or not self.data:
            return None
        return _page(self._transport, {**self._query, "after": self.data[-1].id})

    def __iter__(self) -> Iterator[Job]:
        page: JobPage | None = self
        while page is not None:
            yield from page.data
            page = page.next_page()


class Jobs:
    """The jobs of the key's owner."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
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
        """Submit a job.

        Args:
            kind: ``image`` or ``chat``.
            input: The model's parameters under OpenAI's names: ``prompt``, ``n``, ``size``…
            model: Else the server's default for the kind.
            lane: ``turbo``, ``fast``, ``relax`` or ``batch``.
            priority: 0 (first) to 9, within the lane.
            webhook: A URL, or ``{"url": …, "events": […]}``.
            metadata: Up to 16 texts of your own, given back with the job.
            end_user: Who of your users asked for it.
            run_at: Not before this instant, or so many seconds from now.
            start_timeout: It expires if it has not started after so many seconds.
            deadline: It expires if it has not ended by this instant, or so many seconds from
                now.
            unique: A key that one unfinished job may have at a time, or ``{"key", "scope",
                "period", "on_conflict"}``.
            idempotency_key: Twice the same key and body is one job. One is made if not given,
                so that a connection that breaks on the way can be tried again.
            wait: Let the server hold the request for up to so many seconds until the job ends.

        Raises:
            ConflictError: An earlier job holds the unique key.
            ApiError: The server refused it; the subclasses say why.
            ServerUnreachableError: There is no server.
        """
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
        return self._transport.run(
            exchanges.create_job(body, idempotency_key=idempotency_key, wait=wait)
        )

    def get(self, job_id: str, *, wait: float | None = None) -> Job:
        """Return a job, after up to ``wait`` seconds if it has not ended yet.

        Raises:
            NotFoundError: There is no such job.
        """
        return self._transport.run(exchanges.get_job(job_id, wait=wait))

    def list(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        status: str | None = None,
        lane: str | None = None,
        kind: str | None = None,
    ) -> JobPage:
        """Return jobs, newest first: iterate over the page to get them all.

        Args:
            limit: Jobs per page.
            after: A job's id: go on with those that are older.
            status: Such as ``running``.
            lane: Such as ``fast``.
            kind: ``image`` or ``chat``.
        """
        query = {"limit": limit, "after": after, "status": status, "lane": lane, "kind": kind}
        return _page(self._transport, query)

    def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        on_change: exchanges.OnChange | None = None,
    ) -> Job:
        """Return the job when it has ended, in whatever way; see ``Job.require_success``.

        Args:
            job_id: The job.
            timeout: Seconds; as long as it takes if not given.
            on_change: Called with the job at first and on each change of its state.

        Raises:
            WaitTimeoutError: It has not ended in time; it goes on.
        """
        return self._transport.run(
            exchanges.wait_for_job(job_id, timeout=timeout, on_change=on_change)
        )

    def cancel(self, job_id: str, *, wait: float | None = None) -> Job:
        """Cancel a job; cancelling twice is cancelling once.

        Args:
            job_id: The job.
            wait: A job that waited has ended when this returns; one that runs ends a moment
                later: wait for that, for up to so many seconds.

        Raises:
            ConflictError: It had ended before in another way.
            NotFoundError: There is no such job.
        """
        return self._transport.run(exchanges.cancel_job(job_id, wait=wait))

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

    def artifact(self, job_id: str, index: int) -> bytes:
        """Return the bytes of output number ``index``, counted from 0."""
        return self._transport.run(exchanges.get_artifact(job_id, index))

    def download(self, job_id: str, index: int, path: str | Path) -> Path:
        """Write output ``index`` to ``path``, whole or not at all; return the path."""
        return write_whole(Path(path), self.artifact(job_id, index))


def _page(transport: Transport, query: Mapping[str, object]) -> JobPage:
    found = transport.run(exchanges.list_jobs(query))
    return JobPage(transport, query, found.jobs, has_more=found.has_more)
