"""Appeals in the SDK: ``client.appeals`` of ``Genq`` and ``AsyncGenq``."""

from collections.abc import Mapping
from typing import Final

from genq.async_transport import AsyncTransport
from genq.calls import Call, Exchange, found_in, place, query_of, sending
from genq.pages import AsyncPages, Found, Page
from genq.review_models import Appeal, read_appeal, read_appeals
from genq.transport import Transport

_JOBS: Final = "/v1/jobs"


class Appeals:
    """Objections to jobs that were blocked."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, job_id: str, text: str) -> Appeal:
        """Appeal a blocked job, once and within fourteen days; asked again, it is the same one.

        Args:
            job_id: The job.
            text: Why the decision was wrong.

        Raises:
            ConflictError: The job was not blocked, or too long ago.
        """
        return self._transport.run(_create(job_id, text))

    def get(self, job_id: str) -> Appeal:
        """Return the appeal of a job.

        Raises:
            NotFoundError: There is no such job, or nobody has appealed it.
        """
        return self._transport.run(_get(job_id))

    def list(
        self,
        *,
        state: str | None = None,
        tenant: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> Page[Appeal]:
        """Return appeals, newest first: iterate over the page to get them all.

        Args:
            state: ``open``, ``upheld`` or ``overturned``.
            tenant: For operators: only this tenant's.
            limit: How many on a page.
            after: The ``next`` of a page.
        """
        query = {"state": state, "tenant": tenant, "limit": limit, "after": after}
        return Page(lambda given: self._transport.run(_page(given)), query)


class AsyncAppeals:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Appeals``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, job_id: str, text: str) -> Appeal:
        """Appeal a blocked job, once and within fourteen days."""
        return await self._transport.run(_create(job_id, text))

    async def get(self, job_id: str) -> Appeal:
        """Return the appeal of a job."""
        return await self._transport.run(_get(job_id))

    def list(
        self,
        *,
        state: str | None = None,
        tenant: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> AsyncPages[Appeal]:
        """Return appeals, newest first: iterate over the page to get them all."""
        query = {"state": state, "tenant": tenant, "limit": limit, "after": after}
        return AsyncPages(lambda given: self._transport.run(_page(given)), query)


# Appealed twice, it is one appeal.


def _create(job_id: str, text: str) -> Exchange[Appeal]:
    call = sending("POST", _place(job_id), {"text": text}, "the appeal")
    return read_appeal(found_in((yield call)))


def _get(job_id: str) -> Exchange[Appeal]:
    return read_appeal(found_in((yield Call("GET", _place(job_id)))))


def _page(query: Mapping[str, object]) -> Exchange[Found[Appeal]]:
    return read_appeals(found_in((yield Call("GET", "/v1/appeals", query=query_of(query)))))


def _place(job_id: str) -> str:
    return f"{place('job_', job_id, _JOBS)}/appeal"
