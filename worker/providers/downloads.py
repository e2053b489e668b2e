"""Pictures that a model server answers with a link to, instead of with their bytes."""

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from infra.clock import Clock
from infra.http.outbound_policy import OutboundPolicy
from schemas.errors import ModelBadAnswerError, OutboundRefusedError
from schemas.model_catalog import ModelServer
from worker.providers.failures import failure_of

MAX_PICTURE_BYTES: Final = 64 * 1024 * 1024


# So plain that every parser of URLs finds the same host in it: two that differ are how a link
# gets past a check.
_PLAIN_URL: Final = re.compile(
    r"https?://\[?(?P<host>[A-Za-z0-9.-]+|(?<=\[)[0-9A-Fa-f:.]+(?=\]))\]?(:\d+)?(?=[/?]|\Z)"
)


class PictureDownloads:
    """Follows a link to the model server's own host, or to a public address; nowhere else.

    A link to another private address would let a model server read genq's network.
    """

    def __init__(
        self,
        *,
        own: aiohttp.ClientSession,
        outbound: aiohttp.ClientSession,
        policy: OutboundPolicy,
        clock: Clock,
        most: int = MAX_PICTURE_BYTES,
    ) -> None:
        """Take two open sessions, which the caller closes.

        Args:
            own: For the model servers' own hosts, wherever they are.
            outbound: Dials only what ``policy`` permits.
            policy: Where links may lead.
            clock: For failures that name a time.
            most: The largest accepted file, in bytes.
        """
        self._own = own
        self._outbound = outbound
        self._policy = policy
        self._clock = clock
        self._most = most

    async def get(self, url: str, *, server: ModelServer) -> bytes:
        """Return the bytes behind ``url``.

        Raises:
            OutboundRefusedError: The link leads to an address that genq does not call.
            ModelBadAnswerError: It leads nowhere, elsewhere, or to too many bytes.
            ModelUnavailableError: Its host cannot be reached or does not answer.
        """
        session = self._session_for(url, server)
        try:
            async with session.get(
                url, allow_redirects=False, headers={"Accept-Encoding": "identity"}
            ) as response:
                if response.status != HTTPStatus.OK:
                    raise _broken(server, f"that answers HTTP {response.status}")
                return await self._body(response, server)
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, OutboundRefusedError):
                raise error.__cause__ from None
            raise failure_of(error, server=server.name, now=self._clock.now()) from error

    def _session_for(self, url: str, server: ModelServer) -> aiohttp.ClientSession:
        plain = _PLAIN_URL.match(url)
        if plain and plain["host"].lower() == urlsplit(server.base_url).hostname:
            return self._own
        self._policy.check_url(url)
        return self._outbound

    async def _body(self, response: aiohttp.ClientResponse, server: ModelServer) -> bytes:
        parts: list[bytes] = []
        left = self._most
        async for part in response.content.iter_any():
            left -= len(part)
            if left < 0:
                raise _broken(server, f"to more than {self._most} bytes")
            parts.append(part)
        return b"".join(parts)


def _broken(server: ModelServer, what: str) -> ModelBadAnswerError:
    return ModelBadAnswerError(
        f"model server {server.name} gave a link {what}: submit the job again later"
    )
