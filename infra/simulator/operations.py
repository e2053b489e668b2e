"""The model routes: what each reads, which text is its prompt, how it answers."""

import base64
import sys
from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

import orjson

from infra.simulator.chat_completions import answer_chat
from infra.simulator.completions import answer_completion
from infra.simulator.gallery import Gallery
from infra.simulator.images import answer_images
from infra.simulator.painting.dice import fixed_number
from infra.simulator.prose import count_tokens
from infra.simulator.reply import Reply
from infra.simulator.script import Operation
from infra.simulator.speech import answer_speech
from infra.simulator.vectors import DEFAULT_DIMENSIONS, embed
from infra.simulator.verdicts import judge
from infra.simulator.wire import (
    ChatBody,
    CompletionBody,
    EmbeddingBody,
    ImageBody,
    ImageEditBody,
    ModerationBody,
    SpeechBody,
)

BodyT = TypeVar(
    "BodyT",
    ImageBody,
    ImageEditBody,
    ChatBody,
    CompletionBody,
    EmbeddingBody,
    ModerationBody,
    SpeechBody,
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an answer needs beside its body: pictures, the time, and where the server is."""

    gallery: Gallery
    created: int
    origin: str


@dataclass(frozen=True, slots=True)
class ModelRoute(Generic[BodyT]):
    """One model route.

    Attributes:
        operation: What faults and counters call it.
        body: The shape of its request.
        prompt: Returns the text that faults match and calls are known by.
        answer: Makes the answer.
    """

    operation: Operation
    body: type[BodyT]
    prompt: Callable[[BodyT], str]
    answer: Callable[[BodyT, Surroundings], Awaitable[Reply]]


async def _images(body: ImageBody, around: Surroundings) -> Reply:
    return await answer_images(
        body, around.gallery, created=around.created, origin=around.origin
    )


async def _chat(body: ChatBody, around: Surroundings) -> Reply:
    if not body.pictures():
        return answer_chat(body, created=around.created)
    return await around.gallery.run(partial(answer_chat, body, created=around.created))


async def _completions(body: CompletionBody, around: Surroundings) -> Reply:
    return answer_completion(body, created=around.created)


async def _embeddings(body: EmbeddingBody, around: Surroundings) -> Reply:
    del around
    texts = body.texts()
    size = body.dimensions or DEFAULT_DIMENSIONS
    packed = body.encoding_format == "base64"
    tokens = sum(count_tokens(text) for text in texts)
    answered = {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _written(vector, packed=packed),
            }
            for index, vector in enumerate(embed(text, size) for text in texts)
        ],
        "model": body.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return Reply([orjson.dumps(answered)])


def _written(vector: "array[float]", *, packed: bool) -> str | list[float]:
    if not packed:
        return vector.tolist()
    if sys.byteorder == "big":
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()


async def _moderations(body: ModerationBody, around: Surroundings) -> Reply:
    del around
    results: list[dict[str, Any]] = [judge(text) for text in body.texts()]
    number = fixed_number(*body.texts())
    answered = {"id": f"modr-sim{number:010d}", "model": body.model, "results": results}
    return Reply([orjson.dumps(answered)])


async def _speech(body: SpeechBody, around: Surroundings) -> Reply:
    del around
    return answer_speech(body)


def _first_text(body: EmbeddingBody | ModerationBody) -> str:
    return body.texts()[0]


IMAGES: Final = ModelRoute("images", ImageBody, lambda body: body.prompt, _images)
EDITS: Final = ModelRoute("edits", ImageEditBody, lambda body: body.prompt, _images)
COMPLETIONS: Final = ModelRoute(
    "completions", CompletionBody, lambda body: body.prompts()[0], _completions
)
CHAT: Final = ModelRoute("chat", ChatBody, ChatBody.question, _chat)
EMBEDDINGS: Final = ModelRoute("embeddings", EmbeddingBody, _first_text, _embeddings)
MODERATIONS: Final = ModelRoute("moderations", ModerationBody, _first_text, _moderations)
SPEECH: Final = ModelRoute("speech", SpeechBody, lambda body: body.input, _speech)
