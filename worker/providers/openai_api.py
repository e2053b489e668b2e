"""A model server that speaks OpenAI's API, called through the openai SDK.

The SDK's ``post`` is used with the answer taken raw: its typed resources would copy the
parameters and build models that nobody reads, a third of the call's CPU time.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar
from zlib import crc32

import httpx2
import structlog
from openai import APIStatusError, AsyncOpenAI, AsyncStream
from pydantic import JsonValue, ValidationError

from infra.clock import Clock
from schemas.claim import Claim
from schemas.errors import ModelBadAnswerError, ModelRefusedError
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.model_catalog import ModelServer
from worker.progress import LiveNews
from worker.providers.answers import (
    ChatAnswer,
    ImageAnswer,
    ImageItem,
    storable,
    storable_text,
    text_of,
    usage_of,
)
from worker.providers.downloads import PictureDownloads
from worker.providers.failures import (
    MODEL_FAILURES,
    Refusal,
    failure_of,
    refusal_of,
    reported_failure,
)
from worker.providers.picture import Picture, read_picture
from worker.providers.preview import preview_of
from worker.providers.provider import Reply
from worker.providers.request_body import request_body
from worker.providers.streamed import (
    PARTIAL_IMAGES,
    Read,
    partial_images_to,
    text_so_far_to,
)
from worker.together import together
from worker.turnstile import Turnstile

log = structlog.get_logger()

Answer = TypeVar("Answer", ImageAnswer, ChatAnswer)

JOB_HEADER: Final = "x-genq-job"
_IMAGES: Final = "/images/generations"
_CHAT: Final = "/chat/completions"
# A picture takes a millisecond or two to read.
_READ_AT_ONCE: Final = 4
_LOGGED_CHARACTERS: Final = 1_000
_LOGGED_ID_CHARACTERS: Final = 100


class OpenAIProvider:
    """Runs jobs of every kind on one model server."""

    def __init__(
        self,
        server: ModelServer,
        *,
        client: AsyncOpenAI,
        downloads: PictureDownloads,
        clock: Clock,
        news: LiveNews | None = None,
    ) -> None:
        self._server = server
        self._news = news
        self._streamed = {
            (spec.name, spec.kind) for spec in server.models if spec.streams_progress and news
        }
        self._client = client
        self._downloads = downloads
        self._clock = clock
        self._reading = Turnstile(_READ_AT_ONCE)

    async def generate(self, claim: Claim) -> Reply:
        """Ask the model once. See ``Provider.generate``."""
        if claim.kind is Kind.IMAGE:
            return await self._image(claim)
        return await self._chat(claim)

    async def _image(self, claim: Claim) -> Reply:
        answer = await self._ask_for_image(claim)
        # Some servers add a contact sheet behind the pictures that were asked for.
        items = answer.data[: claim.input.get("n", 1)]
        pictures = await self._pictures(items)
        details: dict[str, JsonValue] = {}
        if any(item.revised_prompt for item in items):
            details["revised_prompts"] = [storable_text(i.revised_prompt or "") for i in items]
        usage = usage_of(answer.usage, images=len(pictures))
        return Reply(pictures=pictures, usage=usage, details=details)

    async def _chat(self, claim: Claim) -> Reply:
        answer = await self._ask_for_chat(claim)
        if not answer.choices:
            raise self._bad_answer("without a choice")
        choice = answer.choices[0]
        if choice.finish_reason == "content_filter":
            raise ModelRefusedError(
                f"model server {self._server.name} withheld its answer: its safety system does "
                "not accept the input or the output; change the input and submit again"
            )
        known = {"role", "content"}
        rest: dict[str, JsonValue] = {
            name: value
            for name, value in choice.message.items()
            if name not in known and value is not None
        }
        details: dict[str, JsonValue] = {"finish_reason": storable(choice.finish_reason)}
        if rest:
            details["message"] = storable(rest)
        return Reply(
            text=text_of(choice.message), usage=usage_of(answer.usage), details=details
        )

    async def _ask_for_image(self, claim: Claim) -> ImageAnswer:
        news = self._news
        # OpenAI's API streams one picture at a time.
        if news is None or not self._streams(claim) or claim.input.get("n", 1) != 1:
            return await self._ask(_IMAGES, claim, ImageAnswer)

        async def partial(index: int, data: bytes) -> None:
            watched = news.is_watched(claim)
            small = await preview_of(data, server=self._server.name) if watched else None
            # The picture itself is the last step.
            news.progressed(claim, step=index + 1, steps=PARTIAL_IMAGES + 1, preview=small)

        more = {"stream": True, "partial_images": PARTIAL_IMAGES}
        return await self._ask_streamed(_IMAGES, claim, more, partial_images_to(partial))

    async def _ask_for_chat(self, claim: Claim) -> ChatAnswer:
        news = self._news
        if news is None or not self._streams(claim):
            return await self._ask(_CHAT, claim, ChatAnswer)

        def so_far(characters: int) -> None:
            news.progressed(claim, characters=characters)

        more = {"stream": True, "stream_options": {"include_usage": True}}
        return await self._ask_streamed(_CHAT, claim, more, text_so_far_to(so_far))

    def _streams(self, claim: Claim) -> bool:
        return (claim.model, claim.kind) in self._streamed

    async def _ask(self, path: str, claim: Claim, shape: type[Answer]) -> Answer:
        response = await self._post(path, claim)
        await self._reading.enter()
        try:
            answer = shape.model_validate_json(response.content)
        except ValidationError:
            # The exception quotes the answer, so it goes no further.
            raise self._bad_answer("that is not the JSON it promises") from None
        return self._sound(answer, response)

    async def _ask_streamed(
        self, path: str, claim: Claim, more: Mapping[str, Any], read: Read[Answer]
    ) -> Answer:
        response = await self._post(path, claim, more)
        try:
            answer = await read(response)
        except ValidationError:
            raise self._bad_answer("that is not the JSON it promises") from None
        except MODEL_FAILURES as error:
            now = self._clock.now()
            raise failure_of(error, server=self._server.name, now=now) from error
        finally:
            await response.aclose()
        return self._sound(answer, response)

    def _sound(self, answer: Answer, response: httpx2.Response) -> Answer:
        if answer.error:
            refusal = refusal_of(answer.error)
            self._log(response.status_code, refusal, response.headers)
            raise reported_failure(
                answer.error, response.headers, server=self._server.name, now=self._clock.now()
            )
        return answer

    async def _post(
        self, path: str, claim: Claim, more: Mapping[str, Any] | None = None
    ) -> httpx2.Response:
        """Return the answer, whole; with ``more``, which asks for a stream, only its head."""
        job = format_id("job", claim.job_id)
        # One key per attempt and model: a stand-in's call is no repetition of the first.
        key = f"{job}-{claim.attempt}-{crc32(claim.model.encode()):08x}"
        headers = {JOB_HEADER: job, "Idempotency-Key": key}
        asked: dict[str, Any] = {
            "content": request_body(claim, more),
            "cast_to": httpx2.Response,
            "options": {"headers": headers, "security": {"bearer_auth": True}},
        }
        if more:
            # The SDK hands the response over as it is; its own decoder is never made.
            asked |= {"stream": True, "stream_cls": AsyncStream[object]}
        try:
            return await self._client.post(path, **asked)
        except MODEL_FAILURES as error:
            if isinstance(error, APIStatusError):
                refusal = refusal_of(error.body)
                self._log(error.status_code, refusal, error.response.headers)
            now = self._clock.now()
            raise failure_of(error, server=self._server.name, now=now) from error

    async def _pictures(self, items: Sequence[ImageItem]) -> tuple[Picture, ...]:
        if not items:
            raise self._bad_answer("without a picture")
        if any(item.b64_json is None for item in items):
            return await together([self._fetched(item) for item in items])
        return tuple(self._picture(item.b64_json or b"") for item in items)

    async def _fetched(self, item: ImageItem) -> Picture:
        if item.b64_json is not None:
            return self._picture(item.b64_json)
        if item.url is None:
            raise self._bad_answer("with a picture that has neither bytes nor a link")
        return self._picture(await self._downloads.get(item.url, server=self._server))

    def _picture(self, data: bytes) -> Picture:
        return read_picture(data, server=self._server.name)

    def _bad_answer(self, what: str) -> ModelBadAnswerError:
        return ModelBadAnswerError(
            f"model server {self._server.name} gave an answer {what}: submit the job "
            "again later"
        )

    def _log(self, status: int, refusal: Refusal, headers: Mapping[str, str]) -> None:
        # "text" is masked like every prompt, because a server may quote the prompt in it.
        log.warning(
            "model_server_refused",
            server=self._server.name,
            status=status,
            codes=refusal.codes,
            request_id=headers.get("x-request-id", "")[:_LOGGED_ID_CHARACTERS],
            text=(refusal.text or "")[:_LOGGED_CHARACTERS],
        )
