"""The synchronous SDK: ``Genq().jobs.create(...)``, shaped like the OpenAI SDK."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from genq import exchanges
from genq.cli.profile import connection
from genq.files import write_whole
from genq.models import Job
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
            idempotency_key: Twice the same key and body is one job. One is made if not given,
                so that a connection that breaks on the way can be tried again.
            wait: Let the server hold the request for up to so many seconds until the job ends.

        Raises:
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

    def artifact(self, job_id: str, index: int) -> bytes:
        """Return the bytes of output number ``index``, counted from 0."""
        return self._transport.run(exchanges.get_artifact(job_id, index))

    def download(self, job_id: str, index: int, path: str | Path) -> Path:
        """Write output ``index`` to ``path``, whole or not at all; return the path."""
        return write_whole(Path(path), self.artifact(job_id, index))


def _page(transport: Transport, query: Mapping[str, object]) -> JobPage:
    found = transport.run(exchanges.list_jobs(query))
    return JobPage(transport, query, found.jobs, has_more=found.has_more)
