"""Access tokens of OAuth 2.0 client credentials (RFC 6749, 4.4): fetched, kept, renewed."""

import asyncio
import base64
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import quote_plus

import aiohttp

from infra.clock import Clock
from infra.http.dial_watch import DialWatch
from infra.http.opening import Outbound
from schemas.errors import OutboundRefusedError
from schemas.receiver import Receiver
from worker.delivery.failures import CannotSendError, detail_of_failure, outcome_of_failure
from worker.delivery.schedule import Outcome, outcome_of_status

_LARGEST: Final = 64 * 1024
_LONGEST_TOKEN: Final = 16 * 1024
_MOST_KEPT: Final = 1024
# A token that ends in transit costs an attempt; one that is renewed early costs one request.
_EARLY_SECONDS: Final = 30.0
_UNSAID_SECONDS: Final = 300.0
_LONGEST_SECONDS: Final = 24 * 3600.0
# Of an attempt's time, so that the delivery itself has some left.
_SHARE: Final = 0.6
_OWN: Final = frozenset({Outcome.RATE_LIMITED, Outcome.OVERLOAD, Outcome.HTTP_ERROR})


@dataclass(slots=True)
class _Kept:
    """A receiver's token, and who fetches the next one."""

    token: str | None = field(default=None, repr=False)
    good_until: float = 0.0
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tokens:
    """The tokens in use, one for each receiver.

    Args:
        outbound: The way out: token servers are chosen by tenants too.
        clock: Measures how long a token is good.
        user_agent: ``genq/<version>``.
    """

    def __init__(self, outbound: Outbound, *, clock: Clock, user_agent: str) -> None:
        self._outbound = outbound
        self._clock = clock
        self._user_agent = user_agent
        self._kept: OrderedDict[tuple[int, int], _Kept] = OrderedDict()

    async def token(self, receiver: Receiver, *, seconds: float) -> str:
        """Return a token that is good now; fetch one if there is none.

        Args:
            receiver: Whose.
            seconds: That the attempt has left; most of them may be spent here.

        Raises:
            CannotSendError: The token server gave none; its failure is the receiver's.
        """
        kept = self._of(receiver)
        token = self._good(kept)
        if token is None:
            with DialWatch(self._clock.monotonic) as watch:
                try:
                    async with asyncio.timeout(_SHARE * seconds), kept.fetching:
                        # Whoever waited finds what the other one fetched.
                        token = self._good(kept) or await self._renew(kept, receiver)
                except (aiohttp.ClientError, OSError) as error:
                    detail = f"token server: {detail_of_failure(error, watch)}"
                    raise CannotSendError(outcome_of_failure(error, watch), detail) from error
        return token

    def drop(self, receiver: Receiver, token: str) -> None:
        """Forget a token that the receiver did not take."""
        kept = self._of(receiver)
        if kept.token == token:
            kept.token = None

    def _of(self, receiver: Receiver) -> _Kept:
        key = (receiver.lane_id, receiver.revision)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept()
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return kept

    def _good(self, kept: _Kept) -> str | None:
        return kept.token if kept.good_until > self._clock.monotonic() else None

    async def _renew(self, kept: _Kept, receiver: Receiver) -> str:
        url, headers, form = _request(receiver.auth, self._user_agent)
        try:
            self._outbound.policy.check_url(url)
        except OutboundRefusedError as error:
            detail = f"token server: {error.message}"
            raise CannotSendError(Outcome.BLOCKED_ADDRESS, detail) from None
        async with self._outbound.destinations.place(url, tenant=receiver.tenant_id):
            response = await self._outbound.session.post(
                url, data=form, headers=headers, allow_redirects=False
            )
            async with response:
                body = await _read(response)
        self._check(response)
        kept.token, seconds = _token_of(body)
        kept.good_until = self._clock.monotonic() + seconds
        return kept.token

    def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status == HTTPStatus.OK:
            return
        asked = response.headers.get("Retry-After")
        outcome = outcome_of_status(response.status, retry_after=asked, at=self._clock.now())
        # A token server that is gone, or elsewhere, says nothing of the endpoint.
        raise CannotSendError(
            outcome if outcome in _OWN else Outcome.HTTP_ERROR,
            f"the token server answered {response.status}",
            retry_after=asked,
        )


def _request(auth: Mapping[str, Any], user_agent: str) -> tuple[str, dict[str, str], bytes]:
    try:
        user, password = quote_plus(auth["client_id"]), quote_plus(auth["client_secret"])
        url: str = auth["token_url"]
    except (KeyError, TypeError):
        raise CannotSendError(
            Outcome.INTERNAL, "the endpoint's OAuth 2.0 credentials are incomplete"
        ) from None
    form = "grant_type=client_credentials"
    if auth.get("scope"):
        form += f"&scope={quote_plus(auth['scope'])}"
    basic = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    headers = {
        "authorization": f"Basic {basic}",
        "content-type": "application/x-www-form-urlencoded",
        "accept": "application/json",
        "user-agent": user_agent,
    }
    return url, headers, form.encode("ascii")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    while len(body) <= _LARGEST and (piece := await response.content.readany()):
        body += piece
    if len(body) > _LARGEST:
        response.close()
    return body


def _token_of(body: bytes) -> tuple[str, float]:
    """Return the token, and for how many seconds to use it."""
    try:
        said = cast("dict[str, Any]", json.loads(body))
        token: object = said["access_token"]
        lasts = float(said.get("expires_in") or _UNSAID_SECONDS)
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError):
        # A number may be one that no float can be.
        token, lasts = None, 0.0
    usable = isinstance(token, str) and token.isascii() and token.isprintable()
    # Not a number is not less than anything.
    if not usable or not 0 < len(cast("str", token)) <= _LONGEST_TOKEN or not lasts > 0:
        raise CannotSendError(
            Outcome.PROTOCOL_ERROR,
            "the token server's answer is not JSON with an access_token",
        )
    lasts = min(lasts, _LONGEST_SECONDS)
    return cast("str", token), max(lasts - _EARLY_SECONDS, lasts / 2)
