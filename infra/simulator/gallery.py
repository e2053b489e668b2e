"""Pictures, drawn once: in few threads, each at most once at a time, the last ones kept."""

import asyncio
import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from PIL import Image

from infra.simulator.painting.editing import edit, upscale
from infra.simulator.painting.files import encode
from infra.simulator.painting.painting import paint
from infra.simulator.painting.pixels import coarse
from infra.simulator.sources import Sources, unpacked

CACHE_BYTES: Final = 128 * 1024 * 1024
PAINTERS: Final = 2
_MAX_TOKENS: Final = 10_000

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that decides the bytes of a picture.

    Attributes:
        unfinished: How often its sides were halved, for a partial picture; 0 is the finished
            one.
        sources: What an edit begins with.
    """

    prompt: str
    seed: int
    index: int
    width: int
    height: int
    output_format: str
    quality: int
    unfinished: int = 0
    sources: Sources | None = None

    @property
    def weight(self) -> int:
        """How many bytes it is to be kept with, before it is drawn."""
        return self.sources.weight if self.sources else 0

    def token(self) -> str:
        """Return the name under which its file can be fetched."""
        *told, _ = (getattr(self, one.name) for one in fields(self))
        parts = "\0".join(map(str, (*told, self.sources))).encode()
        return f"{hashlib.blake2b(parts, digest_size=16).hexdigest()}.{self.output_format}"


def draw(picture: Picture) -> bytes:
    """Return the file of a picture, in base64; this takes tens of milliseconds."""
    image = _drawn(picture)
    if picture.unfinished:
        image = coarse(image, picture.unfinished)
    return base64.b64encode(encode(image, picture.output_format, picture.quality))


def _drawn(picture: Picture) -> Image.Image:
    sources, size = picture.sources, (picture.width, picture.height)
    words = picture.prompt, picture.seed, picture.index
    if sources is None:
        return paint(*words, *size)
    found = [unpacked(data, "image") for data in sources.pictures]
    if sources.upscales:
        return upscale(found[0], size)
    mask = unpacked(sources.mask, "mask") if sources.mask is not None else None
    return edit(found, mask, words, size, faithful=sources.faithful)


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
        self._published_bytes = 0

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
        self._kept_bytes += len(work.result()) + picture.weight
        while self._kept_bytes > self._capacity:
            which, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped) + which.weight

    def publish(self, picture: Picture) -> str:
        """Return the token under which `find` knows a picture; only the last ones are known."""
        token = picture.token()
        before = self._tokens.pop(token, None)
        self._tokens[token] = picture
        self._published_bytes += picture.weight - (before.weight if before else 0)
        while len(self._tokens) > _MAX_TOKENS or (
            self._published_bytes > self._capacity and len(self._tokens) > 1
        ):
            _, dropped = self._tokens.popitem(last=False)
            self._published_bytes -= dropped.weight
        return token

    async def run(self, work: Callable[[], ResultT]) -> ResultT:
        """Do other work on pictures where pictures are drawn, so that all of it is bounded."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def find(self, token: str) -> Picture | None:
        """Return the picture of a token."""
        return self._tokens.get(token)

    def close(self) -> None:
        """Stop drawing; what has not begun is not drawn."""
        self._executor.shutdown(wait=False, cancel_futures=True)
