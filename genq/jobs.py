"""``client.jobs``: submit, look at, wait for, cancel."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Unpack

from genq import exchanges
from genq.derived_jobs import DerivedJobs
from genq.event_models import JobEvent, read_job_event
from genq.files import write_whole
from genq.job_requests import JobFilter, RequestOptions, Webhook, When
from genq.listening import Listener
from genq.many_jobs import ManyJobs
from genq.models import Job
from genq.pages import Page
from genq.pictures import Picture
from genq.raw_answers import raw
from genq.waiting import OnChange, OnProgress, wait_for_job


class Jobs(ManyJobs, DerivedJobs):
    """The jobs of the key's owner. ``**request`` of each call is ``RequestOptions``."""

    @cached_property
    def with_raw_response(self) -> "JobsWithRawResponse":
        """The same calls, giving the HTTP answer along with its result."""
        return JobsWithRawResponse(self)

    def create(
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
        """Submit a job.

        Args:
            kind: ``image`` or ``chat``.
            input: The model's parameters under OpenAI's names: ``prompt``, ``n``, ``size``…
            model: Else the server's default for the kind.
            lane: ``turbo``, ``fast``, ``relax`` or ``batch``.
            priority: 0 (first) to 9, within the lane.
            webhook: A URL, or ``{"url": …, "events": […]}``; without events, its end is told.
            channels: Up to five words by which registered endpoints choose what they hear of.
            metadata: Up to 16 texts of your own, given back with the job.
            tags: Words of your own, to find it by.
            end_user: Who of your users asked for it.
            run_at: Not before this instant, or so many seconds from now.
            start_timeout: It expires if it has not started after so many seconds.
            deadline: It expires if it has not ended by this instant, or so many seconds from
                now.
            unique: A key that one unfinished job may have at a time, or ``{"key", "scope",
                "period", "on_conflict"}``.
            prompt_flags: The prompt may end in flags, such as ``--ar 16:9 --seed 7``; else it
                is never changed.
            cache: ``auto``; ``allow``: an earlier answer to the same will do in any case;
                ``off``: none.
            requires: ``{"tags": [...]}``: only model servers that carry all of these do it.
            images: Pictures to edit, or to show in a conversation: paths, bytes, open files,
                URLs, ids. They come behind those of ``input``.
            mask: Of an edit, a PNG file: what is clear is edited.
            idempotency_key: Twice the same key and body is one job. One is made if not given,
                so that it can be sent again when the connection breaks on the way.
            wait: Let the server hold the request for up to so many seconds until the job ends.
            request: How this request is sent.

        Raises:
            ConflictError: An earlier job holds the unique key.
            BudgetExhaustedError: There is no budget left for it.
            RateLimitedError: Too many requests.
            ApiError: The server refused it; the other subclasses say why.
            ServerUnreachableError: There is no server.
        """
        body: dict[str, object] = {"kind": kind, "input": input, "model": model, "lane": lane}
        body |= {"priority": priority, "webhook": webhook, "channels": channels}
        body |= {"metadata": metadata, "tags": tags, "end_user": end_user, "run_at": run_at}
        body |= {"start_timeout": start_timeout, "deadline": deadline, "unique": unique}
        body |= {"prompt_flags": prompt_flags, "cache": cache, "requires": requires}
        asked = exchanges.create_job(
            body, idempotency_key=idempotency_key, wait=wait, images=images, mask=mask
        )
        return self._transport.run(asked, request)

    def get(
        self, job_id: str, *, wait: float | None = None, **request: Unpack[RequestOptions]
    ) -> Job:
        """Return a job, after up to ``wait`` seconds if it has not ended yet.

        Raises:
            NotFoundError: There is no such job.
        """
        return self._transport.run(exchanges.get_job(job_id, wait=wait), request)

    def list(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        **filters: Unpack[JobFilter],
    ) -> Page[Job]:
        """Return jobs, newest first: iterate over the page to get them all.

        Args:
            limit: Jobs per page.
            after: A job's id: go on with those that are older.
            filters: ``status="running"``, ``tag="poster"``…: all that is given must fit.
        """
        return Page(
            lambda query: self._transport.run(exchanges.list_jobs(query)),
            {"limit": limit, "after": after, **filters},
        )

    def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        on_change: OnChange | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job:
        """Return the job when it has ended, in whatever way; see ``Job.require_success``.

        Args:
            job_id: The job.
            timeout: Seconds; as long as it takes if not given.
            on_change: Called with the job at first and on each change of its state.
            on_progress: Called with each live ``JobEvent``: places in the queue, progress, the
                end. Where live events do not come through, with each new state.

        Raises:
            WaitTimeoutError: It has not ended in time; it goes on.
        """
        return self._transport.run(
            wait_for_job(job_id, timeout=timeout, on_change=on_change, on_progress=on_progress)
        )

    def events(self, job_id: str, *, last_event_id: str | None = None) -> Iterator[JobEvent]:
        """Yield what happens to the job, from its beginning to its end, as it happens.

        Args:
            job_id: The job.
            last_event_id: The ``id`` of an event: go on with those after it.

        Raises:
            NotFoundError: There is no such job.
        """
        listener = Listener(exchanges.job_source(job_id), last_event_id)
        return map(read_job_event, self._transport.listen(listener))

    def cancel(
        self, job_id: str, *, wait: float | None = None, **request: Unpack[RequestOptions]
    ) -> Job:
        """Cancel a job; cancelling twice is cancelling once.

        Args:
            job_id: The job.
            wait: A job that waited has ended when this returns; one that runs ends a moment
                later: wait for that, for up to so many seconds.
            request: How this request is sent.

        Raises:
            ConflictError: It had ended before in another way.
            NotFoundError: There is no such job.
        """
        return self._transport.run(exchanges.cancel_job(job_id, wait=wait), request)

    def retry(
        self,
        job_id: str,
        *,
        new_attempt: bool = False,
        idempotency_key: str | None = None,
        **request: Unpack[RequestOptions],
    ) -> Job:
        """Try a job again: a new job does what one that ended without success was to do.

        Args:
            job_id: The job. Retried again, it is still the one new job.
            new_attempt: Instead, a job that waits for its next attempt has it now.
            idempotency_key: As of ``create``.
            request: How this request is sent.

        Returns:
            The new job, whose ``retry_of`` is the old one; with ``new_attempt`` the same job.

        Raises:
            ConflictError: The job's state does not allow it.
            NotFoundError: There is no such job.
        """
        asked = exchanges.retry_job(
            job_id, new_attempt=new_attempt, idempotency_key=idempotency_key
        )
        return self._transport.run(asked, request)

    def artifact(self, job_id: str, index: int) -> bytes:
        """Return the bytes of output number ``index``, counted from 0."""
        return self._transport.run(exchanges.get_artifact(job_id, index))

    def manifest(self, job_id: str) -> bytes:
        """Return what was asked, made, how and at which price: canonical JSON (RFC 8785).

        Raises:
            ConflictError: The job has not ended.
        """
        return self._transport.run(exchanges.get_manifest(job_id))

    def grid(
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
        return self._transport.run(exchanges.get_grid(job_id, query))

    def preview(self, job_id: str) -> bytes | None:
        """Return a small picture of what a running job has so far, if there is one."""
        return self._transport.run(exchanges.get_preview(job_id))

    def download(self, job_id: str, index: int, path: str | Path) -> Path:
        """Write output ``index`` to ``path``, whole or not at all; return the path."""
        return write_whole(Path(path), self.artifact(job_id, index))


class JobsWithRawResponse:
    """The calls of ``Jobs``, each giving a ``RawResponse``."""

    def __init__(self, jobs: Jobs) -> None:
        self.create = raw(jobs.create)
        self.create_many = raw(jobs.create_many)
        self.get = raw(jobs.get)
        self.cancel = raw(jobs.cancel)
        self.retry = raw(jobs.retry)
