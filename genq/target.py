"""A server, the key to it, and how patiently it is asked."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from genq.calls import Call
from genq.errors import (
    ConfigurationError,
    GenqError,
    NoAnswerError,
    ServerUnreachableError,
    UnexpectedAnswerError,
)
from genq.job_requests import RequestOptions
from genq.retries import DEFAULT_RETRIES

if TYPE_CHECKING:
    import httpx2

DEFAULT_TIMEOUT: Final = 30.0
CONNECT_SECONDS: Final = 5.0
MOST_CONNECTIONS: Final = 1000
MOST_IDLE_CONNECTIONS: Final = 100
_ERRNO: Final = re.compile(r"\[Errno -?\d+\] ")


@dataclass(frozen=True, slots=True)
class Target:
    """A server, the key to it, and how patiently it is asked.

    Attributes:
        url: Without a final slash.
        api_key: As it stands in the header.
        timeout: Seconds for one request, on top of what the server holds it for.
        max_retries: How often a request is sent again where that is safe.
        extra_headers: What every request carries besides, names in lower case.
    """

    url: str
    api_key: str = field(repr=False)
    timeout: float = DEFAULT_TIMEOUT
    max_retries: int = DEFAULT_RETRIES
    extra_headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def use_proxies(self) -> bool:
        """Whether a proxy of the environment is asked: none can reach our own loopback."""
        return not _is_loopback(urlsplit(self.url).hostname or "")

    def headers(self) -> dict[str, str]:
        """Return what every request carries."""
        return {
            "authorization": f"Bearer {self.api_key}",
            "accept": "application/json",
            "user-agent": f"genq-python/{package_version()}",
        }

    def headers_of(self, call: Call) -> dict[str, str]:
        """Return what this request carries besides."""
        return {**call.headers, **self.extra_headers}

    def changed(self, options: RequestOptions) -> "Target":
        """Return the same server, asked in another way.

        Raises:
            ConfigurationError: A number that makes no sense.
        """
        if not options:
            return self
        extra = options.get("extra_headers", {})
        headers = {**self.extra_headers, **{n.lower(): v for n, v in extra.items()}}
        return _checked(
            replace(
                self,
                timeout=options.get("timeout", self.timeout),
                max_retries=options.get("max_retries", self.max_retries),
                extra_headers=headers,
            )
        )


def target_at(url: str, api_key: str, *, timeout: float, max_retries: int) -> Target:
    """Return the server at ``url``.

    Raises:
        ConfigurationError: Not an http(s) URL, a key that cannot stand in a header, or a number
            that makes no sense.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{url!r} is not a URL; expected http://host:port")
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise ConfigurationError("the API key holds characters that no key has")
    # Both http://host and http://host/v1, as OpenAI's clients write it, mean this server.
    plain = url.rstrip("/").removesuffix("/v1")
    return _checked(Target(plain, api_key, timeout, max_retries))


def package_version() -> str:
    """Return the installed version of genq."""
    try:
        return version("genq")
    except PackageNotFoundError:
        return "0"


def timeout_of(target: Target, call: Call) -> "httpx2.Timeout":
    """Return how long httpx2 waits for this call's answer."""
    import httpx2  # noqa: PLC0415 - loaded by the transport that asks

    seconds = target.timeout + call.hold if call.listen is None else call.listen
    # For one of our own connections it may wait: whoever holds one has a limit of time itself.
    return httpx2.Timeout(seconds, connect=CONNECT_SECONDS, pool=None)


@contextmanager
def sent_with(call: Call) -> Generator[dict[str, Any]]:
    """Give httpx2 what the request carries: bytes, or a form with an open file.

    Raises:
        OSError: The file cannot be read.
    """
    if call.upload is None:
        yield {"content": call.body}
        return
    with call.upload.opened() as files:
        yield {"data": dict(call.upload.fields), "files": files}


def limits() -> "httpx2.Limits":
    """Return how many connections a client may have: each job waited for holds one."""
    import httpx2  # noqa: PLC0415 - loaded by the transport that asks

    return httpx2.Limits(
        max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_IDLE_CONNECTIONS
    )


def explain(error: Exception, target: Target) -> GenqError | None:
    """Return the SDK's own error for one of httpx2's; ``None`` for what is none of its."""
    import httpx2  # noqa: PLC0415 - loaded by the transport that asks

    cause = _ERRNO.sub("", str(error)) or type(error).__name__
    if isinstance(error, httpx2.ConnectTimeout):
        return ServerUnreachableError(target.url, f"no connection in {CONNECT_SECONDS:g} s")
    if isinstance(error, httpx2.TimeoutException):
        return NoAnswerError(target.url, "no answer in time")
    if isinstance(error, httpx2.NetworkError | httpx2.ProtocolError | httpx2.ProxyError):
        return ServerUnreachableError(target.url, cause)
    if isinstance(error, httpx2.DecodingError | httpx2.TooManyRedirects):
        return UnexpectedAnswerError(f"{target.url}: {cause}")
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
        return ConfigurationError(f"{target.url}: {cause}")
    return None


def _checked(target: Target) -> Target:
    if not target.timeout > 0:
        raise ConfigurationError(f"timeout={target.timeout!r}: expected seconds above 0")
    if target.max_retries < 0:
        raise ConfigurationError(f"max_retries={target.max_retries!r}: expected 0 or more")
    return target


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
