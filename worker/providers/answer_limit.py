"""A bound on what a model server may send, so that one of them cannot fill the memory."""

from collections.abc import AsyncIterator
from typing import Final

import httpx2

# Ten pictures of 19 MB in base64; an answer is held in memory as a whole.
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024


class AnswerTooLongError(httpx2.DecodingError):
    """The answer is longer than ``MAX_ANSWER_BYTES``, or compressed although nobody asked."""


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream = stream
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise AnswerTooLongError(f"more than {self._most} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class AnswerLimit:
    """A response hook of httpx2: runs when the head of an answer is there."""

    def __init__(self, most: int = MAX_ANSWER_BYTES) -> None:
        self._most = most

    async def __call__(self, response: httpx2.Response) -> None:
        """Refuse a body that is announced too long; watch one whose length is not announced.

        Raises:
            AnswerTooLongError: Announced too long, or compressed: nobody knows how long it is.
        """
        if response.headers.get("content-encoding", "identity") != "identity":
            raise AnswerTooLongError("compressed, although the request asked for identity")
        announced = response.headers.get("content-length", "")
        if announced.isdecimal():
            if int(announced) > self._most:
                raise AnswerTooLongError(f"{announced} bytes announced")
        elif isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(response.stream, self._most)
