"""What the answers of a described call hold, by the places that its description names."""

import base64
import binascii
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import urljoin

import orjson
from pydantic import JsonValue, TypeAdapter, ValidationError

from schemas.claim import Claim
from schemas.errors import (
    GenqError,
    ModelError,
    ModelRefusedError,
    ModelUnavailableError,
)
from schemas.generation import Kind, Usage
from schemas.http_call import HttpCall
from schemas.json_paths import Steps, found_at, steps_of
from schemas.speech_input import USUAL_FORMAT
from worker.providers.answers import EmbeddingItem, count_of, storable_text
from worker.providers.audio import Audio, may_be_audio, read_audio
from worker.providers.cog_answers import Prediction, data_of, failure_of_prediction
from worker.providers.downloads import PictureDownloads
from worker.providers.failures import refusal_of, reported_failure
from worker.providers.picture import Picture, read_picture
from worker.providers.plain_calls import HttpReply, PlainCalls
from worker.providers.provider import Reply
from worker.providers.seeds import SEED, told_seed
from worker.providers.vectors import Vectors
from worker.together import together
from worker.turnstile import Turnstile

# A picture takes a millisecond or two to read.
_READ_AT_ONCE: Final = 4
_STOP: Final = "stop"
_WITHHELD: Final = "content_filter"
_NUMBERS: Final = TypeAdapter(list[float])


class HttpAnswers:
    """Reads what one model server answers.

    Args:
        calls: Of that server.
        downloads: Follow links to pictures.
    """

    def __init__(self, calls: PlainCalls, downloads: PictureDownloads) -> None:
        self._calls = calls
        self._downloads = downloads
        self._vectors = Vectors(calls.server.name, calls.bad_answer)
        self._reading = Turnstile(_READ_AT_ONCE)

    async def document(self, reply: HttpReply) -> JsonValue:
        """Return an answer in JSON.

        Raises:
            ModelBadAnswerError: It is none.
        """
        await self._reading.enter()
        try:
            return orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            raise self._calls.bad_answer("that is not the JSON it promises") from None

    def hold_sound(self, document: JsonValue, reply: HttpReply, call: HttpCall) -> None:
        """Refuse an answer that reports what went wrong.

        Raises:
            GenqError: What it means.
        """
        wrong = at(document, call.answer.error)
        if wrong and not (isinstance(wrong, str) and not wrong.strip()):
            raise self._reported(wrong, reply)

    def failed(self, document: JsonValue, call: HttpCall) -> GenqError:
        """Return the failure of work that its server says has failed."""
        return self._meant_by(at(document, call.answer.error))

    def refused(self, reply: HttpReply, call: HttpCall) -> GenqError:
        """Return the failure of an answer whose status is not good."""
        try:
            document: JsonValue = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            return self._calls.refused(reply)
        told = at(document, call.answer.error)
        return self._calls.refused(reply, refusal_of(document if told is None else told))

    async def reply_of(self, claim: Claim, call: HttpCall, reply: HttpReply) -> Reply:
        """Return what was made.

        Raises:
            GenqError: It is not there, or cannot be used.
        """
        if call.answer.body != "json":
            return await self._whole(claim, call, reply)
        document = await self.document(reply)
        self.hold_sound(document, reply, call)
        used = _usage(document, call)
        if claim.kind.pictures:
            links = found(document, call.answer.images)
            pictures = await self._pictures(claim, call, links)
            return _pictured(pictures, used, told_seed({SEED: at(document, call.answer.seed)}))
        if claim.kind is Kind.EMBEDDING:
            vectors = _unpacked(found(document, call.answer.embeddings))
            items = [self._vector(vector) for vector in vectors]
            return Reply(usage=used, details=await self._vectors.kept(items, claim))
        if claim.kind is Kind.SPEECH:
            told = at(document, call.answer.audio)
            return Reply(audio=self._audio(claim, self._decoded(told, "audio")), usage=used)
        reasons = found(document, call.answer.finish_reason)
        return self._worded(claim, found(document, call.answer.text), reasons, used)

    async def _whole(self, claim: Claim, call: HttpCall, reply: HttpReply) -> Reply:
        if call.answer.body == "image":
            return _pictured([await self._whole_picture(call, reply)])
        if call.answer.body == "audio":
            return Reply(audio=await self._whole_audio(claim, call, reply))
        text = reply.body.decode(errors="replace")
        return self._worded(claim, [text], [], Usage())

    async def _whole_picture(self, call: HttpCall, reply: HttpReply) -> Picture:
        if reply.content_type == "application/json":
            # What is no picture may say why; it raises then.
            self.hold_sound(await self.document(reply), reply, call)
        return read_picture(reply.body, server=self._calls.server.name)

    async def _whole_audio(self, claim: Claim, call: HttpCall, reply: HttpReply) -> Audio:
        if reply.content_type == "application/json":
            self.hold_sound(await self.document(reply), reply, call)
        if not may_be_audio(reply.content_type):
            raise self._calls.bad_answer("that is no audio")
        return self._audio(claim, reply.body)

    def _audio(self, claim: Claim, data: bytes) -> Audio:
        wanted = claim.input.get("response_format") or USUAL_FORMAT
        return read_audio(data, wanted=wanted, server=self._calls.server.name)

    def _decoded(self, told: JsonValue, what: str) -> bytes:
        if not isinstance(told, str):
            raise self._calls.bad_answer(f"with {what} that is no text")
        try:
            return data_of(told) or base64.b64decode(told, validate=True)
        except (ValueError, binascii.Error):
            raise self._calls.bad_answer(f"with {what} that is not base64") from None

    async def _pictures(
        self, claim: Claim, call: HttpCall, places: Sequence[JsonValue]
    ) -> Sequence[Picture]:
        texts = [one for place in places for one in _leaves(place)]
        # Some servers add a contact sheet behind the pictures that were asked for.
        wanted = texts[: claim.input.get("n", 1)]
        if not wanted:
            raise self._calls.bad_answer("without a picture")
        return await together([self._picture(one, links=call.answer.links) for one in wanted])

    async def _picture(self, told: JsonValue, *, links: bool) -> Picture:
        server = self._calls.server
        if not isinstance(told, str):
            raise self._calls.bad_answer("with a picture that is no text")
        link = _link(told, server.base_url) if links else told
        if link.startswith(("http://", "https://")):
            data = await self._downloads.get(link, server=server)
            return read_picture(data, server=server.name)
        return read_picture(self._decoded(told, "a picture"), server=server.name)

    def _worded(
        self,
        claim: Claim,
        found_texts: Sequence[JsonValue],
        reasons: Sequence[JsonValue],
        used: Usage,
    ) -> Reply:
        texts = [one for place in found_texts for one in _leaves(place)]
        prompts = claim.input.get("prompt")
        many = len(prompts) if isinstance(prompts, list) else 1  # pyright: ignore[reportUnknownArgumentType] - a list of texts
        wanted = many * int(claim.input.get("n") or 1)
        if not texts or (many > 1 and len(texts) < wanted):
            raise self._calls.bad_answer(f"with {len(texts)} of {wanted} texts")
        choices: list[dict[str, JsonValue]] = []
        for number, text in enumerate(texts[:wanted]):
            if not isinstance(text, str):
                raise self._calls.bad_answer("with a text that is none")
            reason = reasons[number] if number < len(reasons) else None
            why = storable_text(reason) if isinstance(reason, str) else _STOP
            choices.append({"finish_reason": why, "text": storable_text(text)})
        if all(choice["finish_reason"] == _WITHHELD for choice in choices):
            raise ModelRefusedError(
                f"model server {self._calls.server.name} withheld its answer: its safety "
                "system does not accept the input or the output; change the input and submit "
                "again"
            )
        details: dict[str, JsonValue] = {"finish_reason": choices[0]["finish_reason"]}
        if len(choices) > 1:
            details["choices"] = list(choices)
        return Reply(text=str(choices[0]["text"]), usage=used, details=details)

    def _vector(self, told: JsonValue) -> EmbeddingItem:
        if isinstance(told, str):
            return EmbeddingItem(embedding=told)
        try:
            return EmbeddingItem(embedding=_NUMBERS.validate_python(told))
        except ValidationError:
            raise self._calls.bad_answer("with a vector that is not made of numbers") from None

    def _reported(self, wrong: JsonValue, reply: HttpReply) -> GenqError:
        refusal = refusal_of(wrong)
        self._calls.log(reply, refusal)
        name, now = self._calls.server.name, self._calls.now()
        if isinstance(wrong, dict):
            return reported_failure(wrong, reply.headers, server=name, now=now)
        meant = self._meant_by(wrong)
        if type(meant) is not ModelError:
            return meant
        return ModelUnavailableError(
            f"model server {name} reported an error instead of an answer: submit the job again "
            "later"
        )

    def _meant_by(self, said: JsonValue) -> GenqError:
        text = said if isinstance(said, str) else refusal_of(said).text
        prediction = Prediction(status="failed", error=text)
        return failure_of_prediction(prediction, server=self._calls.server.name)


def at(document: JsonValue, path: str | None) -> JsonValue:
    """Return the first of what stands at ``path``; ``None`` if nothing does."""
    return next(iter(found(document, path)), None)


def found(document: JsonValue, path: str | None) -> list[JsonValue]:
    """Return all that stands at ``path``."""
    return [] if path is None else found_at(document, _steps_of(path))


# Paths are as many as the settings name.
@lru_cache(1_024)
def _steps_of(path: str) -> Steps:
    return steps_of(path)


def _link(told: str, base_url: str) -> str:
    """Return a link that may begin where its server is."""
    try:
        return urljoin(base_url, told)
    except ValueError:
        return told


def _leaves(value: JsonValue) -> list[JsonValue]:
    """Return what is in lists of lists, in order; as deep as a server likes."""
    leaves: list[JsonValue] = []
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, list):
            todo.extend(reversed(one))
        elif one is not None:
            leaves.append(one)
    return leaves


def _unpacked(places: Sequence[JsonValue]) -> list[JsonValue]:
    """Return one vector each, where a place may hold one or a list of them."""
    vectors: list[JsonValue] = []
    for place in places:
        several = isinstance(place, list) and bool(place) and isinstance(place[0], list | str)
        vectors.extend(place if isinstance(place, list) and several else [place])
    return vectors


def _pictured(
    pictures: Sequence[Picture], used: Usage | None = None, seed: int | None = None
) -> Reply:
    usage = (used or Usage()).model_copy(update={"images": len(pictures)})
    details: dict[str, JsonValue] = {} if seed is None else {SEED: seed}
    return Reply(pictures=tuple(pictures), usage=usage, details=details)


def _usage(document: JsonValue, call: HttpCall) -> Usage:
    return Usage(
        input_tokens=count_of(at(document, call.answer.input_tokens)),
        output_tokens=count_of(at(document, call.answer.output_tokens)),
    )
