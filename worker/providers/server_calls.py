"""Calls of one model server through the openai SDK: sent once, read with care.

The SDK's ``post`` is used with the answer taken raw: its typed resources would copy the
parameters and build models that nobody reads, a third of the call's CPU time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

import httpx2
import structlog
from openai import APIStatusError, AsyncOpenAI, AsyncStream
from pydantic import ValidationError

from infra.clock import Clock
from schemas.claim import Claim
from schemas.errors import ModelBadAnswerError, ModelRefusedError
from schemas.ids import format_id
from worker.providers.answers import Answer
from worker.providers.failures import (
    MODEL_FAILURES,
    Refusal,
    failure_of,
    refusal_of,
    reported_failure,
)
from worker.providers.request_body import request_body
from worker.providers.streamed import Read
from worker.turnstile import Turnstile

log = structlog.get_logger()

JOB_HEADER: Final = "x-genq-job"
# As the SDK asks for them.
_ANY_BYTES: Final = "application/octet-stream"
# A picture takes a millisecond or two to read.
_READ_AT_ONCE: Final = 4
_LOGGED_CHARACTERS: Final = 1_000
_LOGGED_ID_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form; ``name`` is the parameter's."""

    name: str
    filename: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """What a call sends that is no JSON: ``multipart/form-data``."""

    parameters: Mapping[str, Any]
    files: Sequence[FormFile]


class ServerCalls:
    """Asks one model server, each call once.

    Args:
        name: The server's configured name.
        client: Open; its owner closes it.
        clock: For failures that name a time.
    """

    def __init__(self, name: str, client: AsyncOpenAI, clock: Clock) -> None:
        self.name = name
        self._client = client
        self._clock = clock
        self._reading = Turnstile(_READ_AT_ONCE)

    async def ask(
        self,
        path: str,
        claim: Claim,
        shape: type[Answer],
        *,
        more: Mapping[str, Any] | None = None,
        form: Form | None = None,
    ) -> Answer:
        """Return the answer.

        Args:
            path: Below ``/v1``.
            claim: The attempt.
            shape: Of the answer.
            more: Parameters of genq's own.
            form: Sent in the place of the parameters.

        Raises:
            GenqError: The taxonomy's word for what went wrong.
        """
        response = await self._post(path, claim, _sent(claim, more, form))
        await self._reading.enter()
        try:
            answer = shape.model_validate_json(response.content)
        except ValidationError:
            # The exception quotes the answer, so it goes no further.
            raise self.bad_answer("that is not the JSON it promises") from None
        return self.sound(answer, response)

    async def ask_bytes(self, path: str, claim: Claim) -> httpx2.Response:
        """Return an answer that is a file, whole; see ``ask``."""
        return await self._post(path, claim, _sent(claim, None, None), accept=_ANY_BYTES)

    async def ask_streamed(
        self,
        path: str,
        claim: Claim,
        read: Read[Answer],
        *,
        more: Mapping[str, Any] | None = None,
        form: Form | None = None,
    ) -> Answer:
        """Return an answer that comes in pieces; see ``ask``. ``more`` asks for a stream."""
        response = await self._post(path, claim, _sent(claim, more, form), streamed=True)
        try:
            answer = await read(response)
        except ValidationError:
            raise self.bad_answer("that is not the JSON it promises") from None
        except MODEL_FAILURES as error:
            now = self._clock.now()
            raise failure_of(error, server=self.name, now=now) from error
        finally:
            await response.aclose()
        return self.sound(answer, response)

    def bad_answer(self, what: str) -> ModelBadAnswerError:
        """Return the error of an answer that cannot be used, for ``what`` it is."""
        return ModelBadAnswerError(
            f"model server {self.name} gave an answer {what}: submit the job again later"
        )

    def withheld(self) -> ModelRefusedError:
        """Return the error of an answer that the server keeps to itself."""
        return ModelRefusedError(
            f"model server {self.name} withheld its answer: its safety system does not accept "
            "the input or the output; change the input and submit again"
        )

    def sound(self, answer: Answer, response: httpx2.Response) -> Answer:
        """Return an answer that reports no failure.

        Raises:
            GenqError: What it reports, with HTTP 200.
        """
        if answer.error:
            refusal = refusal_of(answer.error)
            self._log(response.status_code, refusal, response.headers)
            raise reported_failure(
                answer.error, response.headers, server=self.name, now=self._clock.now()
            )
        return answer

    async def _post(
        self,
        path: str,
        claim: Claim,
        sent: dict[str, Any],
        *,
        streamed: bool = False,
        accept: str | None = None,
    ) -> httpx2.Response:
        """Return the answer, whole; of one that is streamed only its head."""
        job = format_id("job", claim.job_id)
        # One key per attempt and model: a stand-in's call is no repetition of the first.
        key = f"{job}-{claim.attempt}-{crc32(claim.model.encode()):08x}"
        headers = {JOB_HEADER: job, "Idempotency-Key": key}
        if accept is not None:
            headers["Accept"] = accept
        if "files" in sent:
            headers["Content-Type"] = "multipart/form-data"
        asked: dict[str, Any] = {
            **sent,
            "cast_to": httpx2.Response,
            "options": {"headers": headers, "security": {"bearer_auth": True}},
        }
        if streamed:
            # The SDK hands the response over as it is; its own decoder is never made.
            asked |= {"stream": True, "stream_cls": AsyncStream[object]}
        try:
            return await self._client.post(path, **asked)
        except MODEL_FAILURES as error:
            if isinstance(error, APIStatusError):
                refusal = refusal_of(error.body)
                self._log(error.status_code, refusal, error.response.headers)
            now = self._clock.now()
            raise failure_of(error, server=self.name, now=now) from error

    def _log(self, status: int, refusal: Refusal, headers: Mapping[str, str]) -> None:
        # "text" is masked like every prompt, because a server may quote the prompt in it.
        log.warning(
            "model_server_refused",
            server=self.name,
            status=status,
            codes=refusal.codes,
            request_id=headers.get("x-request-id", "")[:_LOGGED_ID_CHARACTERS],
            text=(refusal.text or "").replace(self._client.api_key, "***")[:_LOGGED_CHARACTERS],
        )


def _sent(claim: Claim, more: Mapping[str, Any] | None, form: Form | None) -> dict[str, Any]:
    """Return the body in the SDK's words."""
    if form is None:
        return {"content": request_body(claim, more)}
    files = [(file.name, (file.filename, file.data, file.content_type)) for file in form.files]
    return {"body": form.parameters, "files": files}
