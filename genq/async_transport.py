"""Sends the steps of exchanges on the running event loop; see ``genq.transport``."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from genq.calls import Answer, Call, Exchange, More, Pending, Result, Step
from genq.errors import GenqError, NoAnswerError, ServerUnreachableError
from genq.job_requests import RequestOptions
from genq.listening import Listener
from genq.raw_answers import keep
from genq.retries import persistently
from genq.sse import SentEvent
from genq.target import Target, explain, limits, sent_with, timeout_of

if TYPE_CHECKING:
    import httpx2


class AsyncTransport:
    """Runs exchanges against one server, on the running event loop."""

    def __init__(self, target: Target, client: "httpx2.AsyncClient | None" = None) -> None:
        import httpx2  # noqa: PLC0415 - a tenth of a second that `genq --help` does not need

        self.target = target
        self._client = client or httpx2.AsyncClient(
            base_url=target.url,
            headers=target.headers(),
            limits=limits(),
            trust_env=target.use_proxies,
        )

    async def run(
        self, exchange: Exchange[Result], options: RequestOptions | None = None
    ) -> Result:
        """Run an exchange to its end and return what it makes of the answers."""
        async with self.line(options) as line:
            return await line.run(exchange)

    @asynccontextmanager
    async def line(self, options: RequestOptions | None = None) -> AsyncGenerator["AsyncLine"]:
        """Return a line to the server, for exchanges that share one stream of events."""
        line = AsyncLine(self._client, self.target.changed(options or {}))
        try:
            yield line
        finally:
            await line.close()

    async def listen(self, listener: Listener) -> AsyncIterator[SentEvent]:
        """Yield the events of a stream, through every break, until its last."""
        async with self.line() as line:
            while (heard := await line.run(listener.follow())) is not None:
                for event in heard:
                    yield event

    def changed(self, options: RequestOptions) -> "AsyncTransport":
        """Return a transport that shares the connections and asks in another way."""
        return AsyncTransport(self.target.changed(options), self._client)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class AsyncLine:
    """What one exchange after the other says and hears; it has one stream at the most."""

    def __init__(self, client: "httpx2.AsyncClient", target: Target) -> None:
        self._client = client
        self._target = target
        self._stream: httpx2.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def run(self, exchange: Exchange[Result]) -> Result:
        """Run an exchange to its end and return what it makes of the answers."""
        persistent = persistently(exchange, self._target.max_retries)
        try:
            step = next(persistent)
            while True:
                try:
                    answer = await self._take(step)
                except GenqError as error:
                    step = persistent.throw(error)
                else:
                    step = persistent.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            persistent.close()

    async def close(self) -> None:
        """Stop listening."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

    async def _take(self, step: Step) -> Answer:
        if isinstance(step, Pending):
            await step.result
            return Answer(HTTPStatus.OK, {}, b"")
        try:
            return await (self._hear(step) if isinstance(step, More) else self._send(step))
        except GenqError:
            raise
        except Exception as error:
            known = explain(error, self._target)
            if known is None:
                raise
            raise known from error

    async def _send(self, call: Call) -> Answer:
        if call.after:
            await asyncio.sleep(call.after)
        begun = time.monotonic()
        with sent_with(call) as content:
            request = self._client.build_request(
                call.method,
                call.path,
                params=dict(call.query),
                headers=self._target.headers_of(call),
                timeout=timeout_of(self._target, call),
                **content,
            )
            response = await self._client.send(
                request, stream=call.listen is not None, follow_redirects=call.follow
            )
        headers = {name.lower(): value for name, value in response.headers.items()}
        if call.listen is not None and response.is_success:
            await self.close()
            # From here on the patience with each chunk counts, not that with the beginning.
            request.extensions["timeout"]["read"] = None
            self._stream, self._chunks = response, response.aiter_bytes()
            return Answer(response.status_code, headers, b"", time.monotonic() - begun)
        content = await response.aread()
        await response.aclose()
        answer = Answer(response.status_code, headers, content, time.monotonic() - begun)
        keep(answer)
        return answer

    async def _hear(self, more: More) -> Answer:
        begun = time.monotonic()
        if self._stream is None or self._chunks is None:
            raise ServerUnreachableError(self._target.url, "the stream was closed")
        try:
            async with asyncio.timeout(more.patience):
                content = await anext(self._chunks, b"")
        except TimeoutError as error:
            raise NoAnswerError(self._target.url, "the stream fell silent") from error
        return Answer(HTTPStatus.OK, {}, content, time.monotonic() - begun)
