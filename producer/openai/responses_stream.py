"""The answer that follows a response, to whoever asked for it or comes back to it."""

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from infra.audit_actor import acting_as, actor
from infra.postgres.tenants import Tenant
from producer.api.live_stream import LONGEST_SECONDS, EventStream
from producer.api.services import Services
from producer.openai.call_headers import cancels
from producer.openai.client_line import Line
from producer.openai.endpoint import Endpoint
from producer.openai.hold import (
    answer_end,
    delivered,
    let_go,
    reading_of,
    take_call,
)
from producer.openai.responses_events import BEFORE_ALL
from producer.openai.responses_source import ResponseSource
from producer.openai.responses_view import aside_of
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.progress import BEFORE_ALL as FROM_THE_BEGINNING

Finish = Callable[[bool], Awaitable[None]]


async def streamed_response(
    services: Services,
    tenant: Tenant,
    request: Request,
    endpoint: Endpoint,
    body: Mapping[str, Any],
) -> Response:
    """Answer a call for a response piece by piece; it ends with its connection's wishes.

    Args:
        services: Of the process.
        tenant: Who calls.
        request: Its body has been read.
        endpoint: That of responses.
        body: What it was asked, as JSON.

    Raises:
        GenqError: The call was not accepted.
    """
    aside = aside_of(body)
    call = await take_call(services, tenant, request, endpoint, body, aside=aside)
    if call.job.state is JobState.BLOCKED and call.job.started_at is None:
        return await answer_end(services, call, call.job, request)
    if call.held is not None and not call.job.state.final:
        await services.book.hold(replace(call.held, seconds=LONGEST_SECONDS))
    line, who = Line(request.receive), actor()

    async def finish(told: bool) -> None:
        if told and not line.gone:
            delivered(services, call)
            return
        # The answer outlives the route, and with it who is known to act.
        with acting_as(who):
            await let_go(services, call, cancel=line.gone and cancels(request.headers))

    job = replace(call.job, face=endpoint.face, aside=aside)
    return ResponseStream(services, job, finish=finish, line=line, headers=call.headers)


class ResponseStream(EventStream):
    """The answer that follows a response.

    Args:
        services: Of the process.
        job: As it was read a moment ago, ``face`` and ``aside`` included.
        after: The number of the last event that was heard.
        finish: Called at the end, with whether the client was told how the response ended.
        line: The client's end.
        headers: What else the head of the answer tells.
    """

    def __init__(
        self,
        services: Services,
        job: JobRecord,
        *,
        after: int = BEFORE_ALL,
        finish: Finish | None = None,
        line: Line | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(self._watching(services, job, after), opening=b"", headers=headers)
        self._told = False
        self._finish = finish
        self._line = line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the client.

        Raises:
            ClientDisconnect: It takes nothing.
        """
        receive = self._line.receive if self._line else receive
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._finish is not None:
                await self._finish(self._told)

    @contextmanager
    def _watching(
        self, services: Services, job: JobRecord, after: int
    ) -> Generator[ResponseSource]:
        with services.live.watching(job, FROM_THE_BEGINNING, words=True) as watcher:
            source = ResponseSource(watcher, job, reading_of(services), after)
            try:
                yield source
            finally:
                self._told = source.ended
