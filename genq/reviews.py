"""Reviews in the SDK: ``client.reviews`` of ``Genq`` and ``AsyncGenq``."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from genq.async_transport import AsyncTransport
from genq.calls import Call, Exchange, found_in, good, place, query_of, sending
from genq.decoding import decode
from genq.pages import AsyncPages, Found, Page
from genq.review_models import (
    Report,
    Review,
    ReviewStats,
    read_report,
    read_review,
    read_reviews,
    read_stats,
)
from genq.transport import Transport

_PATH: Final = "/v1/reviews"
_JOBS: Final = "/v1/jobs"


class Reviews:
    """What people decide: held jobs, samples, reports, appeals."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        state: str | None = None,
        category: str | None = None,
        origin: str | None = None,
        tenant: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> Page[Review]:
        """Return items, newest first: iterate over the page to get them all.

        Args:
            state: ``open``, ``decided``, ``timed_out`` or ``withdrawn``.
            category: Such as ``violence``.
            origin: ``hold``, ``sample``, ``report`` or ``appeal``.
            tenant: For operators: only this tenant's.
            limit: How many on a page.
            after: The ``next`` of a page.
        """
        query = _filter(state=state, category=category, origin=origin, tenant=tenant)
        wanted = {**query, "limit": limit, "after": after}
        return Page(lambda given: self._transport.run(_page(given)), wanted)

    def get(self, review_id: str) -> Review:
        """Return an item; with its content, if the key has the scope ``review``.

        Raises:
            NotFoundError: There is no such item that this key may see.
        """
        return self._transport.run(_get(review_id))

    def stats(self, *, tenant: str | None = None) -> ReviewStats:
        """Return what waits, and what was decided in the last thirty days."""
        return self._transport.run(_stats(tenant))

    def claim(self, review_id: str) -> Review:
        """Make an item one's own for ten minutes, or for ten more; return it with its content.

        Raises:
            ConflictError: Another reviewer has it, somebody else has to decide, or it is over.
        """
        return self._transport.run(_act(review_id, "claim"))

    def claim_next(
        self, *, category: str | None = None, origin: str | None = None
    ) -> Review | None:
        """Claim the most urgent item and return it; ``None``: there is nothing to decide."""
        return self._transport.run(_claim_next(category, origin))

    def release(self, review_id: str) -> Review:
        """Let an item go, so that others may claim it.

        Raises:
            ConflictError: Another reviewer has it, or it is over.
        """
        return self._transport.run(_act(review_id, "release"))

    def decide(
        self, review_id: str, decision: str, *, reason: str, note: str | None = None
    ) -> Review:
        """Decide an item that one has claimed.

        Args:
            review_id: The item.
            decision: ``approve``, ``reject`` or ``escalate``.
            reason: Such as ``harmless``, ``violates_policy``, ``unsure``; the error of a wrong
                one lists them.
            note: For other reviewers.

        Raises:
            ConflictError: It is not one's own, or it is over.
            InvalidRequestError: There is no such reason.
        """
        return self._transport.run(_decide(review_id, decision, reason, note))

    def picture(self, review_id: str, index: int) -> bytes:
        """Return the bytes of a picture that is to be decided about, counted from 0."""
        return self._transport.run(_picture(review_id, index))

    def report(
        self,
        job_id: str,
        category: str,
        *,
        note: str | None = None,
        reporter: str | None = None,
    ) -> Report:
        """Say what is wrong with a job's result; people look at it.

        Args:
            job_id: The job.
            category: Such as ``hate``, ``privacy``, ``copyright``, ``other``.
            note: What the user says.
            reporter: One's own name for who said so; a pseudonym of it is kept.
        """
        return self._transport.run(_report(job_id, category, note, reporter))


class AsyncReviews:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Reviews``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        state: str | None = None,
        category: str | None = None,
        origin: str | None = None,
        tenant: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> AsyncPages[Review]:
        """Return items, newest first: iterate over the page to get them all."""
        query = _filter(state=state, category=category, origin=origin, tenant=tenant)
        wanted = {**query, "limit": limit, "after": after}
        return AsyncPages(lambda given: self._transport.run(_page(given)), wanted)

    async def get(self, review_id: str) -> Review:
        """Return an item; with its content, if the key has the scope ``review``."""
        return await self._transport.run(_get(review_id))

    async def stats(self, *, tenant: str | None = None) -> ReviewStats:
        """Return what waits, and what was decided in the last thirty days."""
        return await self._transport.run(_stats(tenant))

    async def claim(self, review_id: str) -> Review:
        """Make an item one's own for ten minutes, or for ten more; return it with content."""
        return await self._transport.run(_act(review_id, "claim"))

    async def claim_next(
        self, *, category: str | None = None, origin: str | None = None
    ) -> Review | None:
        """Claim the most urgent item and return it; ``None``: there is nothing to decide."""
        return await self._transport.run(_claim_next(category, origin))

    async def release(self, review_id: str) -> Review:
        """Let an item go, so that others may claim it."""
        return await self._transport.run(_act(review_id, "release"))

    async def decide(
        self, review_id: str, decision: str, *, reason: str, note: str | None = None
    ) -> Review:
        """Decide an item that one has claimed."""
        return await self._transport.run(_decide(review_id, decision, reason, note))

    async def picture(self, review_id: str, index: int) -> bytes:
        """Return the bytes of a picture that is to be decided about, counted from 0."""
        return await self._transport.run(_picture(review_id, index))

    async def report(
        self,
        job_id: str,
        category: str,
        *,
        note: str | None = None,
        reporter: str | None = None,
    ) -> Report:
        """Say what is wrong with a job's result; people look at it."""
        return await self._transport.run(_report(job_id, category, note, reporter))


def _filter(**given: str | None) -> Mapping[str, object]:
    return given


def _page(query: Mapping[str, object]) -> Exchange[Found[Review]]:
    return read_reviews(found_in((yield Call("GET", _PATH, query=query_of(query)))))


def _get(review_id: str) -> Exchange[Review]:
    return read_review(found_in((yield Call("GET", _place(review_id)))))


def _stats(tenant: str | None) -> Exchange[ReviewStats]:
    query = query_of({"tenant": tenant})
    return read_stats(found_in((yield Call("GET", f"{_PATH}/stats", query=query))))


# To claim what one holds, or to let go what one does not, is to do it once.


def _act(review_id: str, what: str) -> Exchange[Review]:
    call = Call("POST", f"{_place(review_id)}/{what}", repeatable=True)
    return read_review(found_in((yield call)))


def _claim_next(category: str | None, origin: str | None) -> Exchange[Review | None]:
    body = {"category": category, "origin": origin}
    answer = good((yield sending("POST", f"{_PATH}/claim", body, "the choice")))
    return None if answer.status == HTTPStatus.NO_CONTENT else read_review(decode(answer.body))


def _decide(review_id: str, decision: str, reason: str, note: str | None) -> Exchange[Review]:
    body = {"decision": decision, "reason": reason, "note": note}
    call = sending("POST", f"{_place(review_id)}/decide", body, "the decision")
    return read_review(found_in((yield call)))


def _picture(review_id: str, index: int) -> Exchange[bytes]:
    return good((yield Call("GET", f"{_place(review_id)}/pictures/{index}"))).body


def _report(
    job_id: str, category: str, note: str | None, reporter: str | None
) -> Exchange[Report]:
    body = {"category": category, "note": note, "reporter": reporter}
    call = sending("POST", f"{_job(job_id)}/report", body, "the report")
    return read_report(found_in((yield call)))


def _place(review_id: str) -> str:
    return place("rev_", review_id, _PATH)


def _job(job_id: str) -> str:
    return place("job_", job_id, _JOBS)
