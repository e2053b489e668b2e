"""A chat's or a completion's answer in chunks, as OpenAI streams it. Pure.

The end of a stream is written from the endpoint's own answer, so that a call that streams and
one that does not tell the same. What was shown of the text before is left out of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from producer.api.bodies import encode
from producer.openai.genq_member import shown_id
from producer.openai.request_parts import GENQ
from schemas.ids import format_id
from schemas.job import JobRecord

DONE: Final = b"data: [DONE]\n\n"
# Text that is there all at once comes in pieces that a reader can follow.
_PIECE: Final = 256

Delta = Mapping[str, Any]
Choice = Mapping[str, Any]


class DivergedError(Exception):
    """The text that was shown is not the beginning of the one that counts."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What chunks of an endpoint are called.

    Attributes:
        prefix: Of the answer's id, with its joint.
        object: What a chunk says that it is.
        chat: Whether a choice is a message, and not a text.
    """

    prefix: str
    object: str
    chat: bool


SHAPES: Final[Mapping[str, Shape]] = MappingProxyType(
    {
        "/v1/chat/completions": Shape("chatcmpl-", "chat.completion.chunk", chat=True),
        "/v1/completions": Shape("cmpl-", "text_completion", chat=False),
    }
)
"""The endpoints that stream, by their path."""


def data(value: Mapping[str, Any]) -> bytes:
    """Return one event without a name, as OpenAI's clients read it."""
    return b"data: %b\n\n" % encode(value)


class Chunks:
    """Writes the chunks of one stream, and knows which text its client has.

    Args:
        shape: Of the endpoint.
        job: Whose answer it is.
        usage: Whether the client wants to hear what it cost: ``stream_options.include_usage``.
    """

    def __init__(self, shape: Shape, job: JobRecord, *, usage: bool) -> None:
        self._shape = shape
        self._usage = usage
        self._head: dict[str, Any] = {
            "id": shown_id(shape.prefix, job),
            "object": shape.object,
            "created": int(job.created_at.timestamp()),
            "model": job.model,
        }
        self._job_id = format_id("job", job.id)
        self._opened: set[int] = set()
        self._told = False
        self.shown = ""

    def so_far(self, text: str) -> bytes:
        """Return the chunks that bring the client from what it has to ``text``.

        Nothing, if it has more already: a repeated attempt begins anew.

        Raises:
            DivergedError: The one does not continue the other.
        """
        if len(text) <= len(self.shown):
            if not self.shown.startswith(text):
                raise DivergedError
            return b""
        return b"".join(self._chunk(0, delta) for delta in self._text_of(0, text))

    def rest(self, answer: Mapping[str, Any]) -> bytes:
        """Return all that is left of the endpoint's answer, to the end of the stream.

        Raises:
            DivergedError: The client was shown another text.
        """
        own: dict[str, Any] = {GENQ: answer.get(GENQ)}
        if "service_tier" in answer:
            self._head["service_tier"] = answer["service_tier"]
        frames: list[bytes] = []
        for choice in answer["choices"]:
            index = choice["index"]
            frames += [self._chunk(index, *delta) for delta in self._choice(index, choice)]
            frames.append(self._chunk(index, {}, finish=choice["finish_reason"], **own))
            own = {}
        if self._usage:
            frames.append(data({**self._head, "choices": [], "usage": answer.get("usage")}))
        return b"".join([*frames, DONE])

    def _choice(self, index: int, choice: Choice) -> Iterator[tuple[Delta, Any]]:
        if not self._shape.chat:
            yield from self._whole_text(index, choice["text"], choice)
            return
        message: Mapping[str, Any] = choice["message"]
        known = {"role", "content", "tool_calls"}
        extra = {k: v for k, v in message.items() if k not in known and v is not None}
        if extra:
            yield from ((delta, None) for delta in self._opening(index))
            yield extra, None
        yield from self._whole_text(index, message.get("content") or "", choice)
        calls: list[Mapping[str, Any]] = message.get("tool_calls") or []
        for n, call in enumerate(calls):
            yield {"tool_calls": [{"index": n, **call}]}, None

    def _whole_text(self, index: int, text: str, choice: Choice) -> Iterator[tuple[Delta, Any]]:
        """Yield the deltas of a text; where each token has its probability, all in one."""
        tokens = choice.get("logprobs")
        deltas = list(self._text_of(index, text, _PIECE if tokens is None else len(text) or 1))
        for delta in deltas:
            yield delta, tokens if delta is deltas[-1] else None
        if tokens is not None and not deltas:
            yield self._delta(""), tokens

    def _text_of(self, index: int, text: str, piece: int = 0) -> Iterator[Delta]:
        has = self.shown if index == 0 else ""
        if not text.startswith(has):
            raise DivergedError
        yield from self._opening(index)
        new = text[len(has) :]
        step = piece or len(new) or 1
        for start in range(0, len(new), step):
            yield self._delta(new[start : start + step])
        if index == 0:
            self.shown = text

    def _opening(self, index: int) -> Iterator[Delta]:
        if self._shape.chat and index not in self._opened:
            self._opened.add(index)
            yield {"role": "assistant", "content": "", "refusal": None}

    def _delta(self, text: str) -> Delta:
        return {"content": text} if self._shape.chat else {"text": text}

    def _chunk(
        self,
        index: int,
        delta: Delta,
        tokens: Any = None,
        *,
        finish: str | None = None,
        **own: Any,
    ) -> bytes:
        if not self._told:
            # Whoever loses the connection can look the job up.
            self._told = True
            own = own or {GENQ: {"job_id": self._job_id}}
        said: Delta = {"delta": delta} if self._shape.chat else {"text": "", **delta}
        choice = {"index": index, **said, "logprobs": tokens, "finish_reason": finish}
        chunk: dict[str, Any] = {**self._head, "choices": [choice], **own}
        if self._usage:
            chunk["usage"] = None
        return data(chunk)
