"""Answers that come piece by piece: put together, with progress told on the way."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import httpx2
from pydantic import BaseModel, ConfigDict, JsonValue

from worker.providers.answers import Answer, ChatAnswer, Choice, ImageAnswer, ImageItem

PARTIAL_IMAGES: Final = 3
"""The most that OpenAI's API gives before the picture itself."""
_DONE: Final = "[DONE]"
# Of generations and of edits.
_COMPLETED: Final = frozenset({"image_generation.completed", "image_edit.completed"})
_PARTIAL: Final = frozenset({"image_generation.partial_image", "image_edit.partial_image"})
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")

PartialImage = Callable[[int, bytes], Awaitable[None]]
"""Told of the index of a partial picture, and its bytes."""
TextSoFar = Callable[[int, Sequence[str]], None]
"""Told of the length of the text so far, and of its pieces."""


class ImageEvent(BaseModel):
    """One event of a streamed picture."""

    model_config = ConfigDict(val_json_bytes="base64", frozen=True)

    type: str = ""
    b64_json: bytes | None = None
    partial_image_index: int = 0
    usage: JsonValue = None
    error: JsonValue = None


class Delta(BaseModel):
    """What one event adds to a completion."""

    model_config = ConfigDict(frozen=True)

    index: int = 0
    delta: dict[str, JsonValue] = {}
    finish_reason: str | None = None


class ChatEvent(BaseModel):
    """One event of a streamed completion."""

    model_config = ConfigDict(frozen=True)

    choices: list[Delta] = []
    usage: JsonValue = None
    error: JsonValue = None


Read = Callable[[httpx2.Response], Awaitable[Answer]]
"""Reads an answer whose body has not come yet."""


def partial_images_to(partial: PartialImage) -> Read[ImageAnswer]:
    """Return what reads a picture and hands the partial ones over."""

    async def read(response: httpx2.Response) -> ImageAnswer:
        if not _is_stream(response):
            return ImageAnswer.model_validate_json(await response.aread())
        return await read_image(payloads(lines_of(response.aiter_bytes())), partial)

    return read


def text_so_far_to(so_far: TextSoFar) -> Read[ChatAnswer]:
    """Return what reads a completion and tells of its text meanwhile."""

    async def read(response: httpx2.Response) -> ChatAnswer:
        if not _is_stream(response):
            return ChatAnswer.model_validate_json(await response.aread())
        return await read_chat(payloads(lines_of(response.aiter_bytes())), so_far)

    return read


def _is_stream(response: httpx2.Response) -> bool:
    """Whether the server did as it was asked; some leave ``stream`` unread."""
    return response.headers.get("content-type", "").lower().startswith("text/event-stream")


async def lines_of(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Return the lines of server-sent events, which CR, LF or both end.

    The client's own lines also end where JSON may go on in the middle of a text: at U+0085,
    U+2028 and U+2029.
    """
    begun: list[bytes] = []
    after_cr = False
    async for piece in pieces:
        *ended, rest = _LINE_END.split(piece.removeprefix(b"\n") if after_cr else piece)
        after_cr = piece.endswith(b"\r")
        for end in ended:
            yield b"".join([*begun, end]).decode(errors="replace")
            begun.clear()
        begun.append(rest)


async def payloads(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """Return the data of each server-sent event, up to OpenAI's closing mark."""
    data: list[str] = []
    async for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].lstrip(" "))
        elif not line and data:
            text, data = "\n".join(data), []
            if text.startswith(_DONE):
                return
            yield text


async def read_image(events: AsyncIterator[str], partial: PartialImage) -> ImageAnswer:
    """Return the picture that the stream ends with.

    Raises:
        ValidationError: An event is not of OpenAI's shape.
    """
    answer = ImageAnswer()
    # To its end, so that the connection can be used again.
    async for text in events:
        event = ImageEvent.model_validate_json(text)
        if event.error:
            return ImageAnswer(error=event.error)
        if event.type in _PARTIAL and event.b64_json:
            await partial(event.partial_image_index, event.b64_json)
        elif event.type in _COMPLETED:
            items = [ImageItem(b64_json=event.b64_json)]
            answer = ImageAnswer(data=items, usage=event.usage)
    return answer


async def read_chat(events: AsyncIterator[str], so_far: TextSoFar) -> ChatAnswer:
    """Return the completion that the events make together; none if it was cut.

    Raises:
        ValidationError: An event is not of OpenAI's shape.
    """
    message = _Message()
    usage: JsonValue = None
    reason: str | None = None
    pieces: list[str] = []
    length = 0
    async for text in events:
        event = ChatEvent.model_validate_json(text)
        if event.error:
            return ChatAnswer(error=event.error)
        usage = event.usage or usage
        for choice in event.choices:
            if choice.index:
                continue
            reason = choice.finish_reason or reason
            message.add(choice.delta)
            said = choice.delta.get("content")
            if isinstance(said, str) and said:
                length += len(said)
                pieces.append(said)
                so_far(length, pieces)
    if reason is None:
        return ChatAnswer()
    choice = Choice(message=message.whole(), finish_reason=reason)
    return ChatAnswer(choices=[choice], usage=usage)


class _Message:
    """A message in pieces."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[str, dict[str, JsonValue]] = {}
        self._rest: dict[str, JsonValue] = {}

    def add(self, delta: dict[str, JsonValue]) -> None:
        for name, value in delta.items():
            if isinstance(value, str) and name != "role":
                self._texts.setdefault(name, []).append(value)
            elif isinstance(value, list) and name == "tool_calls":
                for call in value:
                    if isinstance(call, dict):
                        self._add_call(call)
            elif value is not None:
                self._rest[name] = value

    def whole(self) -> dict[str, JsonValue]:
        message: dict[str, JsonValue] = dict(self._rest)
        message |= {name: "".join(pieces) for name, pieces in self._texts.items()}
        if self._calls:
            message["tool_calls"] = list(self._calls.values())
        return message

    def _add_call(self, call: dict[str, JsonValue]) -> None:
        known = self._calls.setdefault(str(call.get("index", 0)), {})
        for name, value in call.items():
            if name == "function" and isinstance(value, dict):
                function = known.get("function")
                known["function"] = _longer(function, value)
            elif name != "index" and value is not None:
                known[name] = value


def _longer(known: JsonValue, more: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a called function with what an event adds to its name and arguments."""
    function = dict(known) if isinstance(known, dict) else {}
    for name, piece in more.items():
        before = function.get(name)
        if isinstance(piece, str) and isinstance(before, str):
            function[name] = before + piece
        elif piece is not None:
            function[name] = piece
    return function
