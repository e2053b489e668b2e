"""A model server with an API of its own, which the settings describe."""

import asyncio
from dataclasses import dataclass
from typing import Final

from schemas.claim import Claim
from schemas.errors import GenqError, ModelRateLimitedError
from schemas.http_call import KEY, HttpCall
from schemas.model_catalog import ModelServer
from schemas.placeholders import places_in
from worker.providers.http_answers import HttpAnswers
from worker.providers.http_polls import HttpPolls, Work
from worker.providers.http_template import (
    Carried,
    carried_by,
    filled_text,
    request_of,
    scope_of,
)
from worker.providers.plain_calls import HttpReply, PlainCalls
from worker.providers.provider import Provider, Reply
from worker.providers.provider_parts import ProviderParts
from worker.providers.retry_after import retry_after

_AUTHORIZATION: Final = "authorization"
_GOOD: Final = frozenset(range(200, 300))


@dataclass(frozen=True, slots=True)
class _Described:
    call: HttpCall
    carried: Carried
    good: frozenset[int]
    bearer: bool


class HttpProvider:
    """Runs jobs on one such server.

    Args:
        calls: Of that server.
        parts: What genq opened for it.
    """

    def __init__(self, calls: PlainCalls, parts: ProviderParts) -> None:
        self._calls = calls
        self._clock = parts.clock
        self._seconds = parts.silence.total_seconds()
        self._answers = HttpAnswers(calls, parts.downloads)
        self._polls = HttpPolls(calls, self._answers, parts.news)
        self._models = {
            (spec.name, spec.kind): _described(spec.call)
            for spec in calls.server.models
            if spec.call is not None
        }

    async def generate(self, claim: Claim) -> Reply:
        """Ask the model once. See ``Provider.generate``."""
        model = self._models[claim.model, claim.kind]
        try:
            async with asyncio.timeout(self._seconds):
                return await self._generate(claim, model)
        except TimeoutError as error:
            raise self._calls.failure(error) from error

    async def close(self) -> None:
        """Wait for what tells the server that nobody waits any more."""
        await self._polls.close()

    async def _generate(self, claim: Claim, model: _Described) -> Reply:
        call, scope = model.call, scope_of(claim)
        request = request_of(claim, call, model.carried)
        headers = self._headers(claim, model)
        typed = {"Content-Type": request.content_type} if request.content_type else {}
        reply = await self._calls.ask(
            call.method,
            request.path,
            claim,
            headers=typed | headers,
            data=request.body,
            good=model.good,
        )
        if reply.status not in model.good:
            raise self._refused(call, reply)
        if call.poll is not None:
            work = Work(claim, call, call.poll, scope, headers)
            reply = await self._polls.followed(work, reply)
        return await self._answers.reply_of(claim, call, reply)

    def _refused(self, call: HttpCall, reply: HttpReply) -> GenqError:
        failure = self._answers.refused(reply, call)
        if reply.status in _GOOD:
            return self._calls.bad_answer(f"with HTTP {reply.status}, which is not expected")
        if reply.status in call.busy:
            return ModelRateLimitedError(
                f"model server {self._calls.server.name} has no free place: the job waits "
                "until it has",
                retry_after=retry_after(reply.headers, now=self._clock.now()),
            )
        return failure

    def _headers(self, claim: Claim, model: _Described) -> dict[str, str]:
        key = self._calls.server.api_key.get_secret_value()
        scope = scope_of(claim) | {KEY: key}
        headers = self._calls.headers(claim)
        if not model.bearer:
            headers.pop("Authorization", None)
        for name, value in model.call.headers:
            headers[name] = filled_text(value.get_secret_value(), scope)
        return headers


def open_http(server: ModelServer, parts: ProviderParts) -> Provider:
    """Return the provider of a server whose models' calls the settings describe."""
    provider = HttpProvider(parts.calls(server), parts)
    parts.at_end(provider.close)
    return provider


def _described(call: HttpCall) -> _Described:
    own = any(
        name.lower() == _AUTHORIZATION
        or any(place.name == KEY for place in places_in(value.get_secret_value()))
        for name, value in call.headers
    )
    good = frozenset(call.success) or _GOOD
    return _Described(call, carried_by(call), good, bearer=not own)
