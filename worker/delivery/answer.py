"""What is kept of a receiver's answer: its head, and the beginning of its body."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from infra.http.posting import Reply

LARGEST_ANSWER: Final = 16 * 1024
"""What a receiver may answer before the connection is closed instead of used again."""
KEPT_BODY: Final = 4096
"""Bytes of the answer that the log of attempts keeps."""

# The head has decided; the rest is read for the log, and so that the connection can be used
# again. Nobody waits long for that.
_BODY_SECONDS: Final = 1.0
_LONGEST_TEXT: Final = 200
_LONGEST_CONTROL: Final = 64
_KEPT_HEADERS: Final = frozenset(
    {
        "content-type", "content-length", "date", "server", "via", "retry-after", "location",
        "webhook-delivery", "www-authenticate", "allow", "cf-ray", "x-amzn-errortype",
        "x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-amz-cf-id",
        "x-vercel-id", "x-cloud-trace-context", "x-amzn-trace-id",
    }
)  # fmt: skip
# The first of these that is there names the request in the receiver's own logs.
_REQUEST_IDS: Final = (
    "x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "cf-ray",
    "x-vercel-id", "x-amz-cf-id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """A receiver's answer, safe to store and to show.

    Attributes:
        status: Whatever number it sent.
        headers: A chosen few, names in lower case, values printable and cut.
        body: The first ``KEPT_BODY`` bytes, as they came.
        first_byte: When its head was complete, by the clock of the watch.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    first_byte: float

    @property
    def request_id(self) -> str | None:
        """What the receiver calls the request."""
        return next((self.headers[n] for n in _REQUEST_IDS if n in self.headers), None)

    @property
    def retry_after(self) -> str | None:
        """When it wants to be asked again, in its own words."""
        return self.headers.get("retry-after")

    @property
    def control(self) -> str | None:
        """What it wants of this delivery, or of all: its ``webhook-delivery`` header."""
        said = self.headers.get("webhook-delivery", "").strip().lower()
        return said[:_LONGEST_CONTROL] or None


async def read_answer(
    response: Reply | aiohttp.ClientResponse, *, first_byte: float, until: float
) -> Answer:
    """Return what is kept of ``response``, and close it.

    Args:
        response: Its head is complete. A body that is cut, slow or broken changes nothing.
        first_byte: When that was.
        until: When to stop reading, by the event loop's clock.
    """
    try:
        body = await _beginning(response.content, until)
    finally:
        # After the body's end this gives the connection back; before it, it cuts it off.
        response.close()
    return Answer(response.status, kept_headers(response.headers), body, first_byte)


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those of an answer's headers that the log keeps; the first of each name."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        plain = name.lower()
        if plain in _KEPT_HEADERS and plain not in kept:
            kept[plain] = storable(value)
    return kept


def storable(text: str) -> str:
    """Return the beginning of ``text`` as PostgreSQL's text and a terminal can hold it."""
    start = text[:_LONGEST_TEXT]
    if start.isprintable():
        return start
    start = start.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else "�" for c in start)


async def _beginning(content: aiohttp.StreamReader, until: float) -> bytes:
    if content.is_eof():
        # It came with the head, as short ones do: there is nothing to wait for.
        with contextlib.suppress(Exception):
            return content.read_nowait()[:KEPT_BODY]
        return b""
    soon = asyncio.get_running_loop().time() + _BODY_SECONDS
    kept, left = b"", LARGEST_ANSWER
    with contextlib.suppress(Exception):
        async with asyncio.timeout_at(min(soon, until)):
            while left > 0 and (piece := await content.readany()):
                kept += piece[: KEPT_BODY - len(kept)]
                left -= len(piece)
    return kept
