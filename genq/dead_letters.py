"""Dead letters in the SDK: ``client.dead_letters``, the same for ``Genq`` and ``AsyncGenq``."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from genq.async_transport import AsyncTransport
from genq.calls import Call, Exchange, found_in, place, query_of, sending
from genq.decoding import (
    read_dead_letter,
    read_dead_letter_groups,
    read_dead_letters,
    read_redrive,
)
from genq.models import DeadLetter, DeadLetterGroup, Redrive
from genq.transport import Transport

_PATH: Final = "/v1/dead_letters"

When = datetime | str
"""An aware datetime, or its text, such as ``2026-12-01T08:00:00Z``."""


class DeadLetters:
    """The dead letters of the key's owner: jobs that used up their attempts."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        code: str | None = None,
        model: str | None = None,
        kind: str | None = None,
        lane: str | None = None,
        since: When | None = None,
        until: When | None = None,
        after: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[DeadLetter]:
        """Yield dead letters, newest job first, page by page.

        Args:
            code: Only those that died of this error, such as ``model_unavailable``.
            model: Only jobs of this model.
            kind: ``image`` or ``chat``.
            lane: Such as ``fast``.
            since: Only those that died then or later.
            until: Only those that died before.
            after: A job's id: go on with older ones.
            page_size: How many one request fetches.
        """
        query = _filter(
            code=code, model=model, kind=kind, lane=lane, since=since, until=until
        ) | {"limit": page_size}
        cursor = after
        while True:
            letters, cursor = self._transport.run(_page({**query, "after": cursor}))
            yield from letters
            if cursor is None:
                return

    def groups(
        self,
        *,
        code: str | None = None,
        model: str | None = None,
        kind: str | None = None,
        lane: str | None = None,
        since: When | None = None,
        until: When | None = None,
    ) -> tuple[DeadLetterGroup, ...]:
        """Return dead letters by cause, the largest group first; arguments as of ``list``."""
        query = _filter(code=code, model=model, kind=kind, lane=lane, since=since, until=until)
        return self._transport.run(_groups(query))

    def get(self, job_id: str) -> DeadLetter:
        """Return a dead letter with its input and the history of its attempts.

        Raises:
            NotFoundError: There is no such job.
            ConflictError: The job is not dead.
        """
        return self._transport.run(_get(job_id))

    def redrive(
        self,
        job_id: str | None = None,
        *,
        filter: Mapping[str, object] | None = None,  # noqa: A002 - the field's name in the API
        edits: Mapping[str, object] | None = None,
        dry_run: bool = False,
        limit: int | None = None,
        submitted_before: When | None = None,
    ) -> Redrive:
        """Send one dead job, or those that fit, again: each of them once, ever.

        Args:
            job_id: The dead job; or
            filter: Which: ``code``, ``model``, ``kind``, ``lane``, ``since``, ``until``; an
                empty one means all.
            edits: ``input`` (a merge patch), ``model``, ``lane``, ``priority``, ``webhook``.
            dry_run: Check, and tell what would be sent.
            limit: Of one call, 1000 at the most; the oldest come first.
            submitted_before: To go on after ``has_more``: what the first call returned.

        Raises:
            InvalidRequestError: An edited job is not acceptable; nothing was sent again.
            ConflictError: The job is not dead.
        """
        body = _redrive_body(job_id, filter, edits, limit, submitted_before)
        return self._transport.run(_redrive({**body, "dry_run": dry_run}))


class AsyncDeadLetters:
    """The same for ``AsyncGenq``; arguments and errors are those of ``DeadLetters``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(
        self,
        *,
        code: str | None = None,
        model: str | None = None,
        kind: str | None = None,
        lane: str | None = None,
        since: When | None = None,
        until: When | None = None,
        after: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[DeadLetter]:
        """Yield dead letters, newest job first, page by page."""
        query = _filter(
            code=code, model=model, kind=kind, lane=lane, since=since, until=until
        ) | {"limit": page_size}
        cursor = after
        while True:
            letters, cursor = await self._transport.run(_page({**query, "after": cursor}))
            for letter in letters:
                yield letter
            if cursor is None:
                return

    async def groups(
        self,
        *,
        code: str | None = None,
        model: str | None = None,
        kind: str | None = None,
        lane: str | None = None,
        since: When | None = None,
        until: When | None = None,
    ) -> tuple[DeadLetterGroup, ...]:
        """Return dead letters by cause, the largest group first; arguments as of ``list``."""
        query = _filter(code=code, model=model, kind=kind, lane=lane, since=since, until=until)
        return await self._transport.run(_groups(query))

    async def get(self, job_id: str) -> DeadLetter:
        """Return a dead letter with its input and the history of its attempts."""
        return await self._transport.run(_get(job_id))

    async def redrive(
        self,
        job_id: str | None = None,
        *,
        filter: Mapping[str, object] | None = None,  # noqa: A002 - the field's name in the API
        edits: Mapping[str, object] | None = None,
        dry_run: bool = False,
        limit: int | None = None,
        submitted_before: When | None = None,
    ) -> Redrive:
        """Send one dead job, or those that fit, again: each of them once, ever."""
        body = _redrive_body(job_id, filter, edits, limit, submitted_before)
        return await self._transport.run(_redrive({**body, "dry_run": dry_run}))


def _page(query: Mapping[str, object]) -> Exchange[tuple[tuple[DeadLetter, ...], str | None]]:
    return read_dead_letters(found_in((yield Call("GET", _PATH, query=query_of(query)))))


def _groups(query: Mapping[str, object]) -> Exchange[tuple[DeadLetterGroup, ...]]:
    answer = yield Call("GET", f"{_PATH}/groups", query=query_of(query))
    return read_dead_letter_groups(found_in(answer))


def _get(job_id: str) -> Exchange[DeadLetter]:
    return read_dead_letter(found_in((yield Call("GET", place("job_", job_id, _PATH)))))


def _redrive(body: Mapping[str, object]) -> Exchange[Redrive]:
    # Each dead job is sent again once, ever: asking twice is asking once.
    call = sending("POST", f"{_PATH}/redrive", body, "the edits")
    return read_redrive(found_in((yield replace(call, repeatable=True))))


def _redrive_body(
    job_id: str | None,
    wanted: Mapping[str, object] | None,
    edits: Mapping[str, object] | None,
    limit: int | None,
    submitted_before: When | None,
) -> dict[str, object]:
    return {
        "job_id": job_id,
        "filter": wanted,
        "edits": edits,
        "limit": limit,
        "submitted_before": submitted_before,
    }


def _filter(
    *,
    code: str | None,
    model: str | None,
    kind: str | None,
    lane: str | None,
    since: When | None,
    until: When | None,
) -> dict[str, object]:
    return {
        "code": code,
        "model": model,
        "kind": kind,
        "lane": lane,
        "since": since,
        "until": until,
    }
