"""Sends the steps of exchanges over httpx2, and turns its exceptions into the SDK's own."""

import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from inspect import iscoroutine
from typing import TYPE_CHECKING

from genq.calls import Answer, Call, Exchange, More, Pending, Result, Step
from genq.errors import ConfigurationError, GenqError, NoAnswerError, ServerUnreachableError
from genq.job_requests import RequestOptions
from genq.listening import Listener
from genq.raw_answers import keep
from genq.retries import persistently
from genq.sse import SentEvent
from genq.target import Target, explain, limits, sent_with, timeout_of

if TYPE_CHECKING:
    import httpx2


class Transport:
    """Runs exchanges against one server; safe to share between threads."""

    def __init__(self, target: Target, client: "httpx2.Client | None" = None) -> None:
        import httpx2  # noqa: PLC0415 - a tenth of a second that `genq --help` does not need

        self.target = target
        self._client = client or httpx2.Client(
            base_url=target.url,
            headers=target.headers(),
            limits=limits(),
            trust_env=target.use_proxies,
        )

    def run(self, exchange: Exchange[Result], options: RequestOptions | None = None) -> Result:
        """Run an exchange to its end and return what it makes of the answers."""
        with self.line(options) as line:
            return line.run(exchange)

    @contextmanager
    def line(self, options: RequestOptions | None = None) -> Generator["Line"]:
        """Return a line to the server, for exchanges that share one stream of events."""
        line = Line(self._client, self.target.changed(options or {}))
        try:
            yield line
        finally:
            line.close()

    def listen(self, listener: Listener) -> Iterator[SentEvent]:
        """Yield the events of a stream, through every break, until its last."""
        with self.line() as line:
            while (heard := line.run(listener.follow())) is not None:
                yield from heard

    def changed(self, options: RequestOptions) -> "Transport":
        """Return a transport that shares the connections and asks in another way."""
        return Transport(self.target.changed(options), self._client)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class Line:
    """What one exchange after the other says and hears; it has one stream at the most."""

    def __init__(self, client: "httpx2.Client", target: Target) -> None:
        self._client = client
        self._target = target
        self._stream: httpx2.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def run(self, exchange: Exchange[Result]) -> Result:
        """Run an exchange to its end and return what it makes of the answers."""
        persistent = persistently(exchange, self._target.max_retries)
        try:
            step = next(persistent)
            while True:
                try:
                    answer = self._take(step)
                except GenqError as error:
                    step = persistent.throw(error)
                else:
                    step = persistent.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            persistent.close()

    def close(self) -> None:
        """Stop listening."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _take(self, step: Step) -> Answer:
        if isinstance(step, Pending):
            if iscoroutine(step.result):
                step.result.close()
            raise ConfigurationError("a callback that is awaited needs AsyncGenq")
        try:
            return self._hear(step) if isinstance(step, More) else self._send(step)
        except GenqError:
            raise
        except Exception as error:
            known = explain(error, self._target)
            if known is None:
                raise
            raise known from error

    def _send(self, call: Call) -> Answer:
        if call.after:
            threading.Event().wait(call.after)
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
            response = self._client.send(
                request, stream=call.listen is not None, follow_redirects=call.follow
            )
        headers = {name.lower(): value for name, value in response.headers.items()}
        if call.listen is not None and response.is_success:
            self.close()
            # From here on the patience with each chunk counts, not that with the beginning.
            request.extensions["timeout"]["read"] = None
            self._stream, self._chunks = response, response.iter_bytes()
            return Answer(response.status_code, headers, b"", time.monotonic() - begun)
        content = response.read()
        response.close()
        answer = Answer(response.status_code, headers, content, time.monotonic() - begun)
        keep(answer)
        return answer

    def _hear(self, more: More) -> Answer:
        begun = time.monotonic()
        if self._stream is None:
            raise ServerUnreachableError(self._target.url, "the stream was closed")
        gone = threading.Event()
        watch = threading.Timer(more.patience, self._cut, (self._stream, gone))
        watch.daemon = True
        watch.start()
        try:
            content = next(self._chunks, b"")
            return Answer(HTTPStatus.OK, {}, content, time.monotonic() - begun)
        except Exception as error:
            if gone.is_set():
                raise NoAnswerError(self._target.url, "the stream fell silent") from error
            raise
        finally:
            watch.cancel()

    def _cut(self, stream: "httpx2.Response", gone: threading.Event) -> None:
        # The only way to wake a thread that reads: the connection ends under its hands.
        gone.set()
        connection: object = stream.extensions["network_stream"].get_extra_info("socket")
        if isinstance(connection, socket.socket):
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
