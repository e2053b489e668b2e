"""Recurring schedules in the SDK: ``client.schedules`` of ``Genq`` and ``AsyncGenq``."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

from genq.async_transport import AsyncTransport
from genq.calls import IDEMPOTENCY_KEY, Call, Exchange, found_in, good, place, sending
from genq.decoding import read_job
from genq.exchanges import new_key
from genq.models import Job
from genq.schedule_models import (
    Schedule,
    ScheduleRun,
    read_runs,
    read_schedule,
    read_schedules,
)
from genq.transport import Transport

_PATH: Final = "/v1/schedules"


class Schedules:
    """The recurring schedules of the key's owner."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        cron: str,
        request: Mapping[str, object],
        *,
        timezone: str | None = None,
        catch_up: str | None = None,
        paused: bool | None = None,
    ) -> Schedule:
        """Make a schedule.

        Args:
            name: Unique among your schedules.
            cron: ``minute hour day month weekday``, six fields with seconds first, or
                ``@hourly``, ``@daily``, ``@weekly``, ``@monthly``, ``@yearly``.
            request: The job of each time: ``{"kind": …, "input": {…}, …}``.
            timezone: An IANA name such as ``Europe/Berlin``; else UTC.
            catch_up: ``once`` makes up for the latest time missed, ``skip`` for none.
            paused: Whether it waits to be resumed.

        Raises:
            InvalidRequestError: The expression, the zone or the request is wrong.
            ConflictError: You have a schedule of this name.
        """
        return self._transport.run(
            _create(
                {
                    "name": name,
                    "cron": cron,
                    "request": request,
                    "timezone": timezone,
                    "catch_up": catch_up,
                    "paused": paused,
                }
            )
        )

    def list(self) -> Iterator[Schedule]:
        """Yield all schedules by name, page by page."""
        cursor: str | None = None
        while True:
            page, cursor = self._transport.run(_page(cursor))
            yield from page
            if cursor is None:
                return

    def get(self, schedule_id: str) -> Schedule:
        """Return a schedule.

        Raises:
            NotFoundError: There is no such schedule.
        """
        return self._transport.run(_one("GET", schedule_id))

    def update(
        self,
        schedule_id: str,
        *,
        name: str | None = None,
        cron: str | None = None,
        timezone: str | None = None,
        request: Mapping[str, object] | None = None,
        catch_up: str | None = None,
    ) -> Schedule:
        """Change what is given; errors are those of ``create``."""
        return self._transport.run(
            _update(
                schedule_id,
                {
                    "name": name,
                    "cron": cron,
                    "timezone": timezone,
                    "request": request,
                    "catch_up": catch_up,
                },
            )
        )

    def pause(self, schedule_id: str) -> Schedule:
        """Let its times pass without jobs until it is resumed."""
        return self._transport.run(_one("POST", schedule_id, "/pause"))

    def resume(self, schedule_id: str) -> Schedule:
        """Let it go on with its next time from now."""
        return self._transport.run(_one("POST", schedule_id, "/resume"))

    def delete(self, schedule_id: str) -> None:
        """Delete it; the jobs that it made stay."""
        self._transport.run(_delete(schedule_id))

    def trigger(self, schedule_id: str, *, idempotency_key: str | None = None) -> Job:
        """Submit its job now, paused or not; its own times stay as they are."""
        return self._transport.run(_trigger(schedule_id, idempotency_key))

    def runs(self, schedule_id: str) -> Iterator[ScheduleRun]:
        """Yield the times that it served, newest first, page by page."""
        cursor: str | None = None
        while True:
            page, cursor = self._transport.run(_runs(schedule_id, cursor))
            yield from page
            if cursor is None:
                return


class AsyncSchedules:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Schedules``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        name: str,
        cron: str,
        request: Mapping[str, object],
        *,
        timezone: str | None = None,
        catch_up: str | None = None,
        paused: bool | None = None,
    ) -> Schedule:
        """Make a schedule."""
        return await self._transport.run(
            _create(
                {
                    "name": name,
                    "cron": cron,
                    "request": request,
                    "timezone": timezone,
                    "catch_up": catch_up,
                    "paused": paused,
                }
            )
        )

    async def list(self) -> AsyncIterator[Schedule]:
        """Yield all schedules by name, page by page."""
        cursor: str | None = None
        while True:
            page, cursor = await self._transport.run(_page(cursor))
            for schedule in page:
                yield schedule
            if cursor is None:
                return

    async def get(self, schedule_id: str) -> Schedule:
        """Return a schedule."""
        return await self._transport.run(_one("GET", schedule_id))

    async def update(
        self,
        schedule_id: str,
        *,
        name: str | None = None,
        cron: str | None = None,
        timezone: str | None = None,
        request: Mapping[str, object] | None = None,
        catch_up: str | None = None,
    ) -> Schedule:
        """Change what is given; errors are those of ``create``."""
        return await self._transport.run(
            _update(
                schedule_id,
                {
                    "name": name,
                    "cron": cron,
                    "timezone": timezone,
                    "request": request,
                    "catch_up": catch_up,
                },
            )
        )

    async def pause(self, schedule_id: str) -> Schedule:
        """Let its times pass without jobs until it is resumed."""
        return await self._transport.run(_one("POST", schedule_id, "/pause"))

    async def resume(self, schedule_id: str) -> Schedule:
        """Let it go on with its next time from now."""
        return await self._transport.run(_one("POST", schedule_id, "/resume"))

    async def delete(self, schedule_id: str) -> None:
        """Delete it; the jobs that it made stay."""
        await self._transport.run(_delete(schedule_id))

    async def trigger(self, schedule_id: str, *, idempotency_key: str | None = None) -> Job:
        """Submit its job now, paused or not; its own times stay as they are."""
        return await self._transport.run(_trigger(schedule_id, idempotency_key))

    async def runs(self, schedule_id: str) -> AsyncIterator[ScheduleRun]:
        """Yield the times that it served, newest first, page by page."""
        cursor: str | None = None
        while True:
            page, cursor = await self._transport.run(_runs(schedule_id, cursor))
            for run in page:
                yield run
            if cursor is None:
                return


def _create(body: Mapping[str, object]) -> Exchange[Schedule]:
    # Without a key, which this route does not know: a name that is taken is told by the server.
    return read_schedule(found_in((yield sending("POST", _PATH, body, "the schedule"))))


def _update(schedule_id: str, body: Mapping[str, object]) -> Exchange[Schedule]:
    call = sending("PATCH", _place(schedule_id), body, "the schedule")
    return read_schedule(found_in((yield call)))


def _one(method: str, schedule_id: str, what: str = "") -> Exchange[Schedule]:
    # Pausing or resuming twice is doing it once.
    call = Call(method, _place(schedule_id) + what, repeatable=True)
    return read_schedule(found_in((yield call)))


def _delete(schedule_id: str) -> Exchange[None]:
    good((yield Call("DELETE", _place(schedule_id))))


def _trigger(schedule_id: str, idempotency_key: str | None) -> Exchange[Job]:
    headers = {IDEMPOTENCY_KEY: idempotency_key or new_key()}
    call = Call("POST", f"{_place(schedule_id)}/trigger", headers=headers)
    return read_job(found_in((yield call)))


def _page(after: str | None) -> Exchange[tuple[tuple[Schedule, ...], str | None]]:
    answer = yield Call("GET", _PATH, query={} if after is None else {"after": after})
    return read_schedules(found_in(answer))


def _runs(
    schedule_id: str, after: str | None
) -> Exchange[tuple[tuple[ScheduleRun, ...], str | None]]:
    query = {} if after is None else {"after": after}
    answer = yield Call("GET", f"{_place(schedule_id)}/runs", query=query)
    return read_runs(found_in(answer))


def _place(schedule_id: str) -> str:
    return place("sched_", schedule_id, _PATH)
