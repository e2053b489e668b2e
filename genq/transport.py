"""Sends calls over httpx2 and turns its exceptions into the SDK's own."""

import asyncio
import re
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from genq.errors import (
    ConfigurationError,
    GenqError,
    NoAnswerError,
    ServerUnreachableError,
    UnexpectedAnswerError,
)
from genq.exchanges import Answer, Call, Exchange

if TYPE_CHECKING:
    import httpx2

Result = TypeVar("Result")

_CONNECT_SECONDS: Final = 5.0
_ERRNO: Final = re.compile(r"\[Errno -?\d+\] ")


class Target:
    """A server and the key to it."""

    def __init__(self, url: str, api_key: str, timeout: float) -> None:
        """Check the URL.

        Raises:
            ConfigurationError: Not an http(s) URL, or a key that cannot stand in a header.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(f"{url!r} is not a URL; expected http://host:port")
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ConfigurationError("the API key holds characters that no key has")
        # Both http://host and http://host/v1, as OpenAI's clients write it, mean this server.
        self.url = url.rstrip("/").removesuffix("/v1")
        self.api_key = api_key
        self.timeout = timeout
        # A company's proxy cannot reach this machine's own loopback.
        self.use_proxies = not _is_loopback(parts.hostname)

    def headers(self) -> dict[str, str]:
        """Return what every request carries."""
        return {
            "authorization": f"Bearer {self.api_key}",
            "accept": "application/json",
            "user-agent": f"genq-python/{package_version()}",
        }


def package_version() -> str:
    """Return the installed version of genq."""
    try:
        return version("genq")
    except PackageNotFoundError:
        return "0"


class Transport:
    """Sends the calls of exchanges, one after the other; safe to share between threads."""

    def __init__(self, target: Target) -> None:
        import httpx2  # noqa: PLC0415 - a tenth of a second that `genq --help` does not need

        self._target = target
        self._client = httpx2.Client(
            base_url=target.url, headers=target.headers(), trust_env=target.use_proxies
        )

    def run(self, exchange: Exchange[Result]) -> Result:
        """Run an exchange to its end and return what it makes of the answers."""
        try:
            call = next(exchange)
            while True:
                try:
                    answer = self._send(call)
                except GenqError as error:
                    call = exchange.throw(error)
                else:
                    call = exchange.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, call: Call) -> Answer:
        if call.after:
            threading.Event().wait(call.after)
        begun = time.monotonic()
        try:
            response = self._client.request(
                call.method,
                call.path,
                params=dict(call.query),
                headers=dict(call.headers),
                content=call.body,
                timeout=_timeout(self._target, call),
                follow_redirects=call.follow,
            )
        except Exception as error:
            known = _explain(error, self._target)
            if known is None:
                raise
            raise known from error
        return _answer(response, time.monotonic() - begun)


class AsyncTransport:
    """Sends the calls of exchanges on the running event loop."""

    def __init__(self, target: Target) -> None:
        import httpx2  # noqa: PLC0415 - a tenth of a second that `genq --help` does not need

        self._target = target
        self._client = httpx2.AsyncClient(
            base_url=target.url, headers=target.headers(), trust_env=target.use_proxies
        )

    async def run(self, exchange: Exchange[Result]) -> Result:
        """Run an exchange to its end and return what it makes of the answers."""
        try:
            call = next(exchange)
            while True:
                try:
                    answer = await self._send(call)
                except GenqError as error:
                    call = exchange.throw(error)
                else:
                    call = exchange.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _send(self, call: Call) -> Answer:
        if call.after:
            await asyncio.sleep(call.after)
        begun = time.monotonic()
        try:
            response = await self._client.request(
                call.method,
                call.path,
                params=dict(call.query),
                headers=dict(call.headers),
                content=call.body,
                timeout=_timeout(self._target, call),
                follow_redirects=call.follow,
            )
        except Exception as error:
            known = _explain(error, self._target)
            if known is None:
                raise
            raise known from error
        return _answer(response, time.monotonic() - begun)


def _timeout(target: Target, call: Call) -> "httpx2.Timeout":
    import httpx2  # noqa: PLC0415 - loaded by the transport that asks

    return httpx2.Timeout(target.timeout + call.hold, connect=_CONNECT_SECONDS)


def _answer(response: "httpx2.Response", seconds: float) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, response.content, seconds)


def _explain(error: Exception, target: Target) -> GenqError | None:
    import httpx2  # noqa: PLC0415 - loaded by the transport that asks

    cause = _ERRNO.sub("", str(error)) or type(error).__name__
    if isinstance(error, httpx2.ConnectTimeout):
        return ServerUnreachableError(target.url, f"no connection in {_CONNECT_SECONDS:g} s")
    if isinstance(error, httpx2.TimeoutException):
        return NoAnswerError(target.url, "no answer in time")
    if isinstance(error, httpx2.NetworkError | httpx2.ProtocolError | httpx2.ProxyError):
        return ServerUnreachableError(target.url, cause)
    if isinstance(error, httpx2.DecodingError | httpx2.TooManyRedirects):
        return UnexpectedAnswerError(f"{target.url}: {cause}")
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
        return ConfigurationError(f"{target.url}: {cause}")
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
