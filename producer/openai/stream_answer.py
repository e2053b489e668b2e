"""``stream: true``: the answer to a call as server-sent events, from its first second on.

The head of the answer waits until the job is accepted and a moment longer, so that what is
refused at once is told by its real status. After that an error is the last event.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from infra.audit_actor import acting_as, actor
from infra.postgres.tenants import Tenant
from producer.api.live_stream import LONGEST_SECONDS, EventStream, hang_up
from producer.api.services import Services
from producer.openai.call_headers import cancels
from producer.openai.client_line import Line
from producer.openai.endpoint import Endpoint
from producer.openai.hold import (
    CLIENT_LEFT,
    TakenCall,
    answer_end,
    delivered,
    let_go,
    reading_of,
    sent_round,
    take_call,
)
from producer.openai.stream_chunks import SHAPES, Chunks
from producer.openai.stream_source import AnswerSource
from schemas.errors import FieldError, InputError
from schemas.job_states import JobState
from schemas.progress import BEFORE_ALL

# What is refused is mostly refused within some hundredths of a second.
_HEAD_SECONDS: Final = 0.5
_OPTIONS: Final = "stream_options"
_USAGE: Final = "include_usage"


async def streamed_answer(
    services: Services,
    tenant: Tenant,
    request: Request,
    endpoint: Endpoint,
    body: Mapping[str, Any],
) -> Response:
    """Answer a call piece by piece.

    Args:
        services: Of the process.
        tenant: Who calls.
        request: Its body has been read.
        endpoint: Which is called; one of ``SHAPES``.
        body: What it was asked, as JSON.

    Raises:
        GenqError: The call was not accepted, or cannot be answered.
    """
    usage = _includes_usage(body)
    call = await take_call(services, tenant, request, endpoint, body)
    if call.job.state.final and call.job.state is not JobState.SUCCEEDED:
        return await answer_end(services, call, call.job, request)
    async with AsyncExitStack() as stack:
        ending = _Ending(services, call, request)
        stack.push_async_callback(ending.settle)
        if call.held is not None and not call.job.state.final:
            await services.book.hold(replace(call.held, seconds=LONGEST_SECONDS))
        watcher = stack.enter_context(services.live.watching(call.job, BEFORE_ALL, words=True))
        source = AnswerSource(
            watcher,
            Chunks(SHAPES[endpoint.path], call.job, usage=usage),
            endpoint,
            body,
            reading_of(services),
            longest=LONGEST_SECONDS,
        )
        stack.callback(source.close)
        await _head(source, ending.line.receive)
        ended = source.job.ended
        if ended is not None and ended.state is not JobState.SUCCEEDED:
            ending.noted = True
            return await answer_end(services, call, ended, request)
        if ending.line.gone:
            return Response(status_code=CLIENT_LEFT)
        if watcher.dismissed:
            return sent_round(services, call, request)
        return AnswerStream(source, ending, stack.pop_all(), call.headers)


class AnswerStream(EventStream):
    """The answer that sends what ``source`` tells, and then settles the call.

    Args:
        source: Tells.
        ending: Learns whether the job's end was told.
        stack: Closed when the answer is over.
        headers: What its head says of the job.
    """

    def __init__(
        self,
        source: AnswerSource,
        ending: "_Ending",
        stack: AsyncExitStack,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(nullcontext(source), opening=b"", headers=headers)
        self._source = source
        self._ending = ending
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the client.

        Raises:
            ClientDisconnect: It takes nothing.
        """
        del receive
        async with self._stack:
            await super().__call__(scope, self._ending.line.receive, send)
            self._ending.told = self._source.ended and not self._ending.line.gone


class _Ending:
    """Notes in the end what became of a call, whichever way its stream ended.

    Attributes:
        line: To the client.
        told: The client heard the end of its job.
        noted: That is in the book already.
    """

    def __init__(self, services: Services, call: TakenCall, request: Request) -> None:
        self.line = Line(request.receive)
        self.told = self.noted = False
        self._services = services
        self._call = call
        self._cancels = cancels(request.headers)
        self._actor = actor()

    async def settle(self) -> None:
        if self.noted:
            return
        if self.told:
            delivered(self._services, self._call)
            return
        cancel = self.line.gone and self._cancels
        # The answer outlives the route, and with it who is known to act.
        with acting_as(self._actor):
            await let_go(self._services, self._call, cancel=cancel)


async def _head(source: AnswerSource, receive: Receive) -> None:
    """Wait until the first words, the end, the client's leave, or for a moment."""
    left = asyncio.create_task(hang_up(receive, source.rung))
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HEAD_SECONDS):
                while not (source.begun or left.done()):
                    await source.rung.wait()
                    source.rung.clear()
    finally:
        left.cancel()
        # What was heard meanwhile is looked at first of all.
        source.rung.set()


def _includes_usage(body: Mapping[str, Any]) -> bool:
    given = body.get(_OPTIONS)
    if given is None:
        return False
    if not isinstance(given, dict):
        raise _wrong(_OPTIONS, 'must be an object, such as {"include_usage": true}')
    wanted = cast("dict[str, Any]", given).get(_USAGE)
    if wanted is not None and not isinstance(wanted, bool):
        raise _wrong(f"{_OPTIONS}/{_USAGE}", "must be true or false")
    return bool(wanted)


def _wrong(place: str, message: str) -> InputError:
    return InputError(
        f"{place.replace('/', '.')} {message}", fields=[FieldError(f"/{place}", message)]
    )
