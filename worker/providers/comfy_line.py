"""The line to a ComfyUI server: one WebSocket a process, and what is done when it is silent.

The server tells on it how far a client's prompts are, and forgets what it could not send; after
a reconnection it may even drop the line from its books while the connection stays. So nothing
is believed lost or done because of it: what is neither in the queue nor in the history is gone.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import aiohttp
import orjson
import structlog

from schemas.errors import GenqError
from worker.providers.comfy_answers import bad_answer
from worker.providers.comfy_calls import ComfyCalls
from worker.providers.failures import MODEL_FAILURES

# How often the queue is looked at while the line works, and while it does not.
_LOOK_SECONDS: Final = 5.0
_BLIND_SECONDS: Final = 0.5
# A server that does not answer so many looks has lost what it held in memory.
_MOST_MISSES: Final = 3
_RECONNECT_SECONDS: Final = (0.25, 10.0)
# A line that breaks sooner than this works no better than one that cannot be had.
_LASTING_SECONDS: Final = 10.0
_CONNECT_SECONDS: Final = 5.0
# An unused line is closed.
_REST_SECONDS: Final = 30.0
# The history is written just after the message that tells the end.
_SETTLE_SECONDS: Final = 0.25
_ENDS: Final = frozenset({"execution_success", "execution_error", "execution_interrupted"})
_HELLO: Final = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}

Message = Mapping[str, Any]

log: Final = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Followed:
    """A prompt that somebody waits for.

    Attributes:
        prompt_id: As the server calls it.
        hears: Told of every message about it.
        sees: Given every preview of it.
        submitted: Whether the server has it.
        look: Set when it may have ended.
        failure: Why nobody can tell how it ends.
    """

    prompt_id: str
    hears: Callable[[str, Message], None]
    sees: Callable[[bytes], None]
    submitted: bool = False
    look: asyncio.Event = field(default_factory=asyncio.Event)
    failure: GenqError | None = None


class ComfyLine:
    """Follows the prompts of this process on one server.

    Attributes:
        client_id: By which the server knows the line.

    Args:
        calls: Reach the server.
    """

    def __init__(self, calls: ComfyCalls) -> None:
        self.client_id = uuid4().hex
        self._calls = calls
        self._followed: dict[str, Followed] = {}
        self._listening: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._tried = asyncio.Event()
        self._look = asyncio.Event()
        self._connected = False
        self._executing: str | None = None

    @asynccontextmanager
    async def follow(
        self,
        prompt_id: str,
        *,
        hears: Callable[[str, Message], None],
        sees: Callable[[bytes], None],
    ) -> AsyncGenerator[Followed]:
        """Follow a prompt that is about to be submitted, until the block ends."""
        followed = Followed(prompt_id, hears, sees)
        self._enter(followed)
        self._start()
        try:
            # Without it a job gets its pictures, too; only nobody hears how far it is.
            with suppress(TimeoutError):
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await self._tried.wait()
            yield followed
        finally:
            self._leave(followed)
            if not self._followed:
                loop = asyncio.get_running_loop()
                self._resting = loop.call_later(_REST_SECONDS, self._rest)

    def submitted(self, followed: Followed, prompt_id: str) -> None:
        """Take note that the server has the prompt, by this name: old ones choose their own.

        Raises:
            ModelBadAnswerError: Another prompt has this name.
        """
        if prompt_id != followed.prompt_id:
            self._leave(followed)
            followed.prompt_id = prompt_id
            self._enter(followed)
            # What was said before of it was said to nobody.
            self._look.set()
        followed.submitted = True

    async def close(self) -> None:
        """Close the connection."""
        if self._resting is not None:
            self._resting.cancel()
        tasks = (self._listening, self._watching, self._leaving)
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _enter(self, followed: Followed) -> None:
        if followed.prompt_id in self._followed:
            raise bad_answer(self._calls.name, "with the name of another prompt")
        self._followed[followed.prompt_id] = followed

    def _leave(self, followed: Followed) -> None:
        if self._followed.get(followed.prompt_id) is followed:
            del self._followed[followed.prompt_id]

    def _start(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self._listening is None or self._listening.done():
            self._tried.clear()
            self._listening = asyncio.create_task(self._listen(), context=Context())
        if self._watching is None or self._watching.done():
            # They serve every job: the log shall not name the one that began.
            self._watching = asyncio.create_task(self._watch(), context=Context())

    def _rest(self) -> None:
        if not self._followed and self._listening is not None:
            # Whoever comes before it has ended needs another.
            self._listening.cancel()
            self._leaving, self._listening = self._listening, None

    async def _listen(self) -> None:
        """Hear the server, and connect again whenever the line breaks."""
        shortest, longest = _RECONNECT_SECONDS
        wait, loop = shortest, asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                async with self._calls.socket(self.client_id) as socket:
                    self._connected, began = True, loop.time()
                    self._tried.set()
                    await socket.send_json(_HELLO)
                    # What happened meanwhile is told to nobody.
                    self._look.set()
                    async for message in socket:
                        self._take(message)
            except (*MODEL_FAILURES, TimeoutError) as error:
                log.info("comfy_line_broken", server=self._calls.name, why=type(error).__name__)
            finally:
                lasted = self._connected and loop.time() - began >= _LASTING_SECONDS
                self._connected = False
                self._executing = None
            self._tried.set()
            self._look.set()
            wait = shortest if lasted else wait
            await asyncio.sleep(wait)
            wait = min(2 * wait, longest)

    def _take(self, message: aiohttp.WSMessage) -> None:
        if message.type is aiohttp.WSMsgType.BINARY:
            self._show(bytes(message.data))
            return
        try:
            told = orjson.loads(message.data)
            kind, data = told["type"], told["data"]
            prompt_id = data.get("prompt_id")
        except (AttributeError, KeyError, TypeError, ValueError):
            # Nodes of other people send what they like.
            return
        if not isinstance(prompt_id, str) or not isinstance(kind, str):
            return
        over = kind == "executing" and data.get("node") is None
        if kind in {"execution_start", "executing"}:
            # An old server's own name for a prompt may be heard before it is told.
            self._executing = None if over else prompt_id
        followed = self._followed.get(prompt_id)
        if followed is None:
            return
        if over:
            followed.look.set()
        elif kind in _ENDS:
            asyncio.get_running_loop().call_later(_SETTLE_SECONDS, followed.look.set)
        followed.hears(kind, data)

    def _show(self, frame: bytes) -> None:
        prompt_id, picture = read_preview(frame)
        # Older servers do not say of what it is; one prompt runs at a time.
        followed = self._followed.get(prompt_id or self._executing or "")
        if followed is not None and picture:
            followed.sees(picture)

    async def _watch(self) -> None:
        """Look at the queue now and then, while anybody waits for anything."""
        misses = 0
        while self._followed:
            pause = _LOOK_SECONDS if self._connected and not misses else _BLIND_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._look.wait()
            self._look.clear()
            asked = [one for one in self._followed.values() if one.submitted]
            if not asked:
                continue
            try:
                there = (await self._calls.queue()).ids()
            except GenqError as error:
                misses += 1
                if misses >= _MOST_MISSES or not error.retryable:
                    _fail(asked, error)
                    misses = 0
                # Otherwise a line that breaks again and again would hurry the looks.
                await asyncio.sleep(_BLIND_SECONDS)
                continue
            misses = 0
            for one in asked:
                if one.prompt_id not in there:
                    one.look.set()


def _fail(asked: list[Followed], error: GenqError) -> None:
    for one in asked:
        # Its own, because it gets its own id and time.
        one.failure = type(error)(error.message, retry_after=error.retry_after)
        one.look.set()


def read_preview(frame: bytes) -> tuple[str | None, bytes | None]:
    """Return which prompt a binary message is about, if it says so, and its picture.

    Four bytes (big-endian) tell what it is: 1 is followed by four bytes of the picture's type
    and the picture; 4 by the length of a JSON object, the object, and the picture.
    """
    kind, length = int.from_bytes(frame[:4], "big"), int.from_bytes(frame[4:8], "big")
    if kind == 1:
        return None, frame[8:] or None
    if kind == 4 and 8 + length <= len(frame):  # noqa: PLR2004 - see above
        with suppress(ValueError, AttributeError):
            told = orjson.loads(frame[8 : 8 + length])
            prompt_id = told.get("prompt_id")
            picture = frame[8 + length :] or None
            return (prompt_id if isinstance(prompt_id, str) else None), picture
    return None, None
