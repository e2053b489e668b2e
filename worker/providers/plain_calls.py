"""Calls of a model server over plain HTTP: sent once, read within bounds, no word let out."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import aiohttp
import structlog
from yarl import URL

from infra.clock import Clock
from schemas.claim import Claim
from schemas.errors import GenqError, ModelBadAnswerError
from schemas.ids import format_id
from schemas.model_catalog import ModelServer
from worker.providers.answer_limit import MAX_ANSWER_BYTES
from worker.providers.failures import MODEL_FAILURES, Refusal, failure_of, status_failure
from worker.providers.server_calls import JOB_HEADER

NO_KEY: Final = "none"
_AUTHORIZATION: Final = "Authorization"
# Of an answer that refuses: enough to tell why.
_MOST_OF_REFUSAL: Final = 65_536
_LOGGED_BYTES: Final = 4_000
_LOGGED_CHARACTERS: Final = 1_000
_GOOD: Final = range(200, 300)

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer as it came, read to its end.

    Attributes:
        headers: Looked up in any case.
        content_type: Without parameters, in lower case.
        body: At most ``MAX_ANSWER_BYTES``; of an answer that is not good the beginning.
    """

    status: int
    headers: Mapping[str, str]
    content_type: str
    body: bytes = field(repr=False)


class PlainCalls:
    """Asks one model server; no call is repeated, no redirect followed.

    Args:
        server: As configured.
        session: Open; its owner closes it.
        clock: For failures that name a time.
        most: The longest accepted answer, in bytes.
    """

    def __init__(
        self,
        server: ModelServer,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        most: int = MAX_ANSWER_BYTES,
    ) -> None:
        self.server = server
        self.session = session
        self._clock = clock
        self._most = most

    def headers(self, claim: Claim | None) -> dict[str, str]:
        """Return what every call carries: the job, and the server's key as bearer token."""
        headers = {"Accept-Encoding": "identity"}
        if claim is not None:
            headers[JOB_HEADER] = format_id("job", claim.job_id)
        key = self.server.api_key.get_secret_value()
        return headers | ({_AUTHORIZATION: f"Bearer {key}"} if key != NO_KEY else {})

    async def ask(
        self,
        method: str,
        path: str,
        claim: Claim | None,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        seconds: float | None = None,
        good: range | frozenset[int] = _GOOD,
    ) -> HttpReply:
        """Return the answer to one call, whatever its status.

        Args:
            method: Of HTTP.
            path: Below ``base_url``, percent-encoded.
            claim: Whose call it is.
            headers: Instead of ``headers(claim)``.
            data: The body, as aiohttp takes it.
            seconds: After which the call fails, if that is sooner than the session's time.
            good: The statuses of answers that are read as a whole.

        Raises:
            GenqError: There is no answer, or not all of it.
        """
        more: dict[str, Any] = {}
        if seconds is not None:
            more["timeout"] = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self.session.request(
                method,
                URL(f"{self.server.base_url.rstrip('/')}{path}", encoded=True),
                data=data,
                headers=self.headers(claim) if headers is None else headers,
                allow_redirects=False,
                **more,
            ) as response:
                if response.status in good:
                    body = b"".join([piece async for piece in self.pieces(response)])
                else:
                    body = await response.content.read(_MOST_OF_REFUSAL)
                return HttpReply(response.status, response.headers, response.content_type, body)
        except MODEL_FAILURES as error:
            raise self.failure(error) from error

    async def pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Yield a body as it comes.

        Raises:
            ClientPayloadError: It is longer than an answer may be, or packed.
        """
        if response.headers.get("content-encoding", "identity") != "identity":
            raise aiohttp.ClientPayloadError("compressed, although the call asked for identity")
        left = self._most
        if (response.content_length or 0) > left:
            raise aiohttp.ClientPayloadError("announced longer than any answer may be")
        async for piece in response.content.iter_any():
            left -= len(piece)
            if left < 0:
                raise aiohttp.ClientPayloadError("longer than any answer may be")
            yield piece

    def failure(self, error: Exception) -> GenqError:
        """Return the taxonomy's form of an exception out of ``MODEL_FAILURES``."""
        return failure_of(error, server=self.server.name, now=self.now())

    def now(self) -> datetime:
        """Return the time, for failures that name one."""
        return self._clock.now()

    def refused(self, reply: HttpReply, refusal: Refusal | None = None) -> GenqError:
        """Return the taxonomy's form of an answer that is not good, and log what it says."""
        said = refusal or Refusal()
        self.log(reply, said)
        return status_failure(
            reply.status, said, reply.headers, server=self.server.name, now=self.now()
        )

    def log(self, reply: HttpReply, refusal: Refusal) -> None:
        """Log that a call was refused, and why."""
        # "text" is masked like every prompt, because a server may quote the prompt in it.
        text = refusal.text or reply.body[:_LOGGED_BYTES].decode(errors="replace")
        _log.warning(
            "model_server_refused",
            server=self.server.name,
            status=reply.status,
            codes=refusal.codes,
            text=without_key(text, self.server)[:_LOGGED_CHARACTERS],
        )

    def bad_answer(self, what: str) -> ModelBadAnswerError:
        """Return the error of an answer that cannot be used, for ``what`` it is."""
        return ModelBadAnswerError(
            f"model server {self.server.name} gave an answer {what}: submit the job again later"
        )


def without_key(text: str, server: ModelServer) -> str:
    """Return what a server said, as it may be logged: some repeat the key that they refuse."""
    key = server.api_key.get_secret_value()
    return text.replace(key, "***") if key not in {"", NO_KEY} else text
