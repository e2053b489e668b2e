"""Pictures, drawn once: in few threads, each at most once at a time, the last ones kept."""

import asyncio
import base64
import hashlib
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from typing import Final

from infra.simulator.painting.files import encode
from infra.simulator.painting.painting import paint
from infra.simulator.painting.pixels import coarse

CACHE_BYTES: Final = 128 * 1024 * 1024
PAINTERS: Final = 2
_MAX_TOKENS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that decides the bytes of a picture.

    Attributes:
        unfinished: How often its sides were halved, for a partial picture; 0 is the finished
            one.
    """

    prompt: str
    seed: int
    index: int
    width: int
    height: int
    output_format: str
    quality: int
    unfinished: int = 0

    def token(self) -> str:
        """Return the name under which its file can be fetched."""
        parts = "\0".join(map(str, astuple(self))).encode()
        return f"{hashlib.blake2b(parts, digest_size=16).hexdigest()}.{self.output_format}"


def draw(picture: Picture) -> bytes:
    """Return the file of a picture, in base64; this takes tens of milliseconds."""
    image = paint(picture.prompt, picture.seed, picture.index, picture.width, picture.height)
    if picture.unfinished:
        image = coarse(image, picture.unfinished)
    return base64.b64encode(encode(image, picture.output_format, picture.quality))


class Gallery:
    """Hands out pictures; every call of one event loop."""

    def __init__(self, *, painters: int = PAINTERS, cache_bytes: int = CACHE_BYTES) -> None:
        """Start without pictures.

        Args:
            painters: Threads that draw.
            cache_bytes: How much base64 is kept; the pictures not asked for longest go first.
        """
        self._executor = ThreadPoolExecutor(painters, thread_name_prefix="painter")
        self._capacity = cache_bytes
        self._kept: OrderedDict[Picture, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._in_work: dict[Picture, asyncio.Future[bytes]] = {}
        self._tokens: OrderedDict[str, Picture] = OrderedDict()

    async def base64(self, picture: Picture) -> bytes:
        """Return the file of a picture in base64, drawn now or before."""
        kept = self._kept.get(picture)
        if kept is not None:
            self._kept.move_to_end(picture)
            return kept
        work = self._in_work.get(picture)
        if work is None:
            loop = asyncio.get_running_loop()
            work = loop.run_in_executor(self._executor, draw, picture)
            self._in_work[picture] = work
            work.add_done_callback(lambda done: self._finished(picture, done))
        # A client that leaves must not take the picture from others who wait for it.
        return await asyncio.shield(work)

    def _finished(self, picture: Picture, work: asyncio.Future[bytes]) -> None:
        del self._in_work[picture]
        if work.cancelled() or work.exception():
            return
        self._kept[picture] = work.result()
        self._kept_bytes += len(work.result())
        while self._kept_bytes > self._capacity:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped)

    def publish(self, picture: Picture) -> str:
        """Return the token under which `find` knows a picture; only the last ones are known."""
        token = picture.token()
        self._tokens[token] = picture
        if len(self._tokens) > _MAX_TOKENS:
            self._tokens.popitem(last=False)
        return token

    def find(self, token: str) -> Picture | None:
        """Return the picture of a token."""
        return self._tokens.get(token)

    def close(self) -> None:
        """Stop drawing; what has not begun is not drawn."""
        self._executor.shutdown(wait=False, cancel_futures=True)
