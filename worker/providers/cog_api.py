"""A model server that speaks Cog's HTTP API: a container of Replicate's kind.

Source: ``docs/http.md`` of github.com/replicate/cog, and coglet 0.23.1, which was run.

Cog has no queue and tells nobody how a prediction is. So a call holds its line until the
prediction has ended; where a model streams, its log tells how far it is. A server whose places
are all taken answers 409, which is to genq what 429 is: the job waits in the queue, and costs
no attempt.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from typing import Final

import aiohttp
import structlog
from pydantic import ValidationError

from infra.clock import Clock
from schemas.claim import Claim
from schemas.errors import GenqError, ModelBadAnswerError, ModelRateLimitedError
from schemas.generation import Kind, Usage
from schemas.ids import format_id
from schemas.model_catalog import ModelServer
from worker.progress import LiveNews
from worker.providers.answer_limit import MAX_ANSWER_BYTES
from worker.providers.answers import storable_text
from worker.providers.cancels import CANCEL_SECONDS, Cancels
from worker.providers.cog_answers import (
    Chunk,
    Prediction,
    data_of,
    failure_of_prediction,
    outputs_of,
    progress_in,
    seed_in,
    wrong_input,
)
from worker.providers.cog_input import cog_body, cog_input
from worker.providers.downloads import PictureDownloads
from worker.providers.failures import MODEL_FAILURES, Refusal, failure_of, status_failure
from worker.providers.picture import Picture, read_picture
from worker.providers.plain_calls import NO_KEY, without_key
from worker.providers.preview import preview_of
from worker.providers.provider import Reply
from worker.providers.retry_after import retry_after
from worker.providers.server_calls import JOB_HEADER
from worker.providers.streamed import lines_of
from worker.together import together

_EVENTS: Final = "text/event-stream"
_ENDED: Final = frozenset({"succeeded", "failed", "canceled"})
_MOST_OF_REFUSAL: Final = 65_536
_LOGGED_BYTES: Final = 4_000
_LOGGED_CHARACTERS: Final = 1_000

log: Final = structlog.get_logger()


class CogProvider:
    """Runs jobs on one Cog server.

    Args:
        server: As configured; ``base_url`` is the container's root.
        session: Open; its owner closes it.
        downloads: Follow links to outputs that the server stored elsewhere.
        clock: For failures that name a time.
        news: Hears how far streamed predictions are.
    """

    def __init__(
        self,
        server: ModelServer,
        session: aiohttp.ClientSession,
        downloads: PictureDownloads,
        *,
        clock: Clock,
        news: LiveNews | None = None,
    ) -> None:
        self._server = server
        self._session = session
        self._downloads = downloads
        self._clock = clock
        self._news = news
        self._specs = {(spec.name, spec.kind): spec for spec in server.models}
        self._cancels = Cancels()

    async def generate(self, claim: Claim) -> Reply:
        """Ask the model once. See ``Provider.generate``."""
        spec = self._specs[claim.model, claim.kind]
        asked = cog_body(claim, spec)
        # A later attempt is another prediction: it must not attach to one that is given up.
        name = f"{format_id('job', claim.job_id)}-{claim.fence}"
        try:
            streamed = spec.streams_progress and self._news is not None
            prediction = await self._predict(name, asked, claim, streamed=streamed)
        except GenqError:
            # Refused: there is nothing to give up.
            raise
        except ValidationError:
            self._give_up(name)
            raise self._bad_answer("that is not the JSON it promises") from None
        except MODEL_FAILURES as error:
            self._give_up(name)
            raise self._failure(error) from error
        except BaseException:
            self._give_up(name)
            raise
        if prediction.status not in _ENDED:
            self._give_up(name)
        if prediction.status != "succeeded":
            raise failure_of_prediction(prediction, server=self._server.name)
        return await self._reply(claim, prediction)

    async def close(self) -> None:
        """Wait for what tells the server that nobody waits any more."""
        await self._cancels.close()

    async def _predict(
        self, name: str, asked: bytes, claim: Claim, *, streamed: bool
    ) -> Prediction:
        headers = self._headers(claim) | ({"Accept": _EVENTS} if streamed else {})
        async with self._session.put(
            self._url(name), data=asked, headers=headers, allow_redirects=False
        ) as response:
            if response.status != HTTPStatus.NOT_ACCEPTABLE or not streamed:
                return await self._read(response, claim)
        # This model does not stream.
        return await self._predict(name, asked, claim, streamed=False)

    async def _read(self, response: aiohttp.ClientResponse, claim: Claim) -> Prediction:
        if response.status != HTTPStatus.OK:
            raise await self._refusal(response, claim)
        if response.content_type == _EVENTS:
            return await self._followed(_bounded(response), claim)
        whole = b"".join([piece async for piece in _bounded(response)])
        return Prediction.model_validate_json(whole)

    async def _followed(self, pieces: AsyncIterator[bytes], claim: Claim) -> Prediction:
        """Return what a stream ends with, and tell how far it is meanwhile.

        Raises:
            ValidationError: An event is not of Cog's shape.
        """
        event, prediction = "", Prediction()
        async for line in lines_of(pieces):
            if line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:") and event == "completed":
                prediction = Prediction.model_validate_json(line[5:])
            elif line.startswith("data:") and event == "log":
                self._tell(claim, line)
            elif line.startswith("data:") and event == "output":
                await self._show(claim, line[5:])
        return prediction

    def _tell(self, claim: Claim, line: str) -> None:
        # As JSON has it; what a bar is drawn with does not matter.
        place = progress_in(line)
        if place is not None and self._news is not None:
            self._news.progressed(claim, step=place[0], steps=place[1])

    async def _show(self, claim: Claim, said: str) -> None:
        """Show a picture that is there before the others, to whoever looks."""
        news, chunk = self._news, Chunk.model_validate_json(said).chunk
        if news is None or not isinstance(chunk, str) or not news.is_watched(claim):
            return
        with suppress(ValueError):
            data = data_of(chunk)
            small = await preview_of(data, server=self._server.name) if data else None
            if small is not None:
                news.progressed(claim, preview=small)

    async def _reply(self, claim: Claim, prediction: Prediction) -> Reply:
        outputs = outputs_of(prediction.output)
        if outputs is None:
            raise self._bad_answer("that is neither text nor files")
        if claim.kind is Kind.COMPLETION:
            text = storable_text("".join(outputs))
            return Reply(text=text, details={"finish_reason": "stop"})
        if not outputs:
            raise self._bad_answer("without a picture")
        wanted = outputs[: claim.input.get("n", 1)]
        pictures = await together([self._picture(url) for url in wanted])
        seed = seed_in(prediction.logs)
        details = {} if seed is None else {"seed": seed}
        return Reply(pictures=pictures, usage=Usage(images=len(pictures)), details=details)

    async def _picture(self, url: str) -> Picture:
        try:
            data = data_of(url)
        except ValueError:
            raise self._bad_answer("with a picture that is not base64") from None
        if data is None:
            data = await self._downloads.get(url, server=self._server)
        return read_picture(data, server=self._server.name)

    async def _refusal(self, response: aiohttp.ClientResponse, claim: Claim) -> GenqError:
        status, name, now = response.status, self._server.name, self._clock.now()
        body = await response.content.read(_MOST_OF_REFUSAL)
        text = body[:_LOGGED_BYTES].decode(errors="replace")
        log.warning(
            "model_server_refused",
            server=name,
            status=status,
            text=without_key(text, self._server)[:_LOGGED_CHARACTERS],
        )
        if status == HTTPStatus.CONFLICT:
            return ModelRateLimitedError(
                f"model server {name} has no free place: the job waits until it has",
                retry_after=retry_after(response.headers, now=now),
            )
        asked = cog_input(claim, self._specs[claim.model, claim.kind])
        refusal = Refusal(parameter=wrong_input(body, asked))
        return status_failure(status, refusal, response.headers, server=name, now=now)

    def _give_up(self, name: str) -> None:
        """Have the server end the prediction: a stream that is left does not."""
        self._cancels.begin(self._cancel(name))

    async def _cancel(self, name: str) -> None:
        timeout = aiohttp.ClientTimeout(total=CANCEL_SECONDS)
        try:
            url, headers = f"{self._url(name)}/cancel", self._headers(None)
            async with self._session.post(url, headers=headers, timeout=timeout):
                pass
        except MODEL_FAILURES:
            # It is gone, and the prediction with it.
            log.info("cog_cancel_failed", server=self._server.name)

    def _headers(self, claim: Claim | None) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if claim is not None:
            headers[JOB_HEADER] = format_id("job", claim.job_id)
        key = self._server.api_key.get_secret_value()
        return headers | ({"Authorization": f"Bearer {key}"} if key != NO_KEY else {})

    def _url(self, name: str) -> str:
        return f"{self._server.base_url.rstrip('/')}/predictions/{name}"

    def _failure(self, error: Exception) -> GenqError:
        return failure_of(error, server=self._server.name, now=self._clock.now())

    def _bad_answer(self, what: str) -> ModelBadAnswerError:
        return ModelBadAnswerError(
            f"model server {self._server.name} gave an answer {what}: submit the job again"
            " later"
        )


async def _bounded(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    left: int = MAX_ANSWER_BYTES
    if (response.content_length or 0) > left:
        raise aiohttp.ClientPayloadError("announced longer than any answer may be")
    async for piece in response.content.iter_any():
        left -= len(piece)
        if left < 0:
            raise aiohttp.ClientPayloadError("longer than any answer may be")
        yield piece
