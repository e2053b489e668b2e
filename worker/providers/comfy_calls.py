"""ComfyUI's HTTP routes, each asked once; what goes wrong is in the taxonomy's words."""

import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

import aiohttp
import orjson
import structlog
from pydantic import BaseModel, ValidationError

from infra.clock import Clock
from schemas.claim import Claim
from schemas.comfy_workflow import ComfyWorkflow, Graph
from schemas.errors import GenqError, InputError
from schemas.ids import format_id
from schemas.model_catalog import ModelServer
from worker.providers.comfy_answers import (
    Entry,
    File,
    Queue,
    Submitted,
    bad_answer,
    refusal_of_prompt,
)
from worker.providers.downloads import MAX_PICTURE_BYTES
from worker.providers.failures import MODEL_FAILURES, Refusal, failure_of, status_failure
from worker.providers.picture import Picture
from worker.providers.plain_calls import NO_KEY, without_key
from worker.providers.server_calls import JOB_HEADER

_MOST_OF_REFUSAL: Final = 1024 * 1024
_LOGGED_BYTES: Final = 4_000
_LOGGED_CHARACTERS: Final = 1_000
# The queue holds whole graphs, and so does the history.
_MOST_JSON: Final = 64 * 1024 * 1024
_MOST_OF_MESSAGE: Final = 32 * 1024 * 1024
# So often the other side must show that it is there.
_HEARTBEAT_SECONDS: Final = 30.0
# What is no picture and no graph is answered soon, unless the server is stuck.
_LONG: Final = aiohttp.ClientTimeout(total=300, sock_connect=5, sock_read=60)
_SHORT: Final = aiohttp.ClientTimeout(total=30, sock_connect=5)

Shape = TypeVar("Shape", bound=BaseModel)

log: Final = structlog.get_logger()


class ComfyCalls:
    """Asks one ComfyUI server.

    Args:
        server: As configured; ``base_url`` is where its routes begin.
        session: Open; its owner closes it.
        clock: For failures that name a time.
    """

    def __init__(
        self, server: ModelServer, session: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self.name = server.name
        self._server = server
        self._session = session
        self._clock = clock
        self._origin = server.base_url.rstrip("/")

    async def submit(
        self, graph: Graph, *, prompt_id: str, client_id: str, claim: Claim, told: ComfyWorkflow
    ) -> Submitted:
        """Put a graph into the server's queue; what its refusal means stands in ``told``."""
        try:
            body = orjson.dumps(
                {"prompt": graph, "client_id": client_id, "prompt_id": prompt_id}
            )
        except orjson.JSONEncodeError:
            raise InputError(
                "input holds a number that does not fit into 64 bits; write it as a string"
            ) from None

        def refused(status: int, answer: bytes) -> GenqError | None:
            if status != HTTPStatus.BAD_REQUEST:
                return None
            return refusal_of_prompt(answer, told, server=self.name)

        headers = {
            "Content-Type": "application/json",
            JOB_HEADER: format_id("job", claim.job_id),
        }
        answer = await self._ask("POST", "/prompt", refused=refused, data=body, headers=headers)
        return self._read(answer, Submitted)

    async def entry(self, prompt_id: str) -> Entry | None:
        """Return what the server remembers of a prompt that has ended."""
        answer = await self._ask("GET", f"/history/{quote(prompt_id, safe='')}", within=_SHORT)
        try:
            found = orjson.loads(answer)
            told = found.get(prompt_id)
            return None if told is None else Entry.model_validate(told)
        except (AttributeError, ValueError):
            raise bad_answer(self.name, "that is not the JSON it promises") from None

    async def queue(self) -> Queue:
        """Return what waits and runs."""
        return self._read(await self._ask("GET", "/queue", within=_SHORT), Queue)

    async def drop(self, prompt_id: str) -> None:
        """Take a prompt out of the queue; nothing happens to one that runs."""
        await self._ask(
            "POST", "/queue", data=orjson.dumps({"delete": [prompt_id]}), within=_SHORT
        )

    async def interrupt(self, prompt_id: str) -> None:
        """End a prompt that runs. Older servers end whatever runs: look first."""
        await self._ask(
            "POST", "/interrupt", data=orjson.dumps({"prompt_id": prompt_id}), within=_SHORT
        )

    async def upload(self, picture: Picture) -> str:
        """Store a picture where the server forgets it at its next start; return its name there.

        The name says what is in it: the same picture is stored once.
        """
        extension = picture.content_type.partition("/")[2]
        digest = hashlib.sha256(picture.data).hexdigest()[:40]
        form = aiohttp.FormData()
        form.add_field(
            "image",
            picture.data,
            filename=f"genq-{digest}.{extension}",
            content_type=picture.content_type,
        )
        form.add_field("type", "temp")
        form.add_field("overwrite", "true")
        answer = await self._ask("POST", "/upload/image", data=form)
        stored = self._read(answer, _Stored)
        path = f"{stored.subfolder}/{stored.name}" if stored.subfolder else stored.name
        return f"{path} [{stored.type}]"

    async def view(self, file: File) -> bytes:
        """Return a picture that a prompt made."""
        params = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        return await self._ask("GET", "/view", most=MAX_PICTURE_BYTES, params=params)

    @asynccontextmanager
    async def socket(self, client_id: str) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
        """Open the line on which the server tells how far the prompts of a client are."""
        async with self._session.ws_connect(
            f"{self._origin}/ws",
            params={"clientId": client_id},
            headers=self._headers(),
            heartbeat=_HEARTBEAT_SECONDS,
            max_msg_size=_MOST_OF_MESSAGE,
            timeout=aiohttp.ClientWSTimeout(ws_close=2.0),  # pyright: ignore[reportCallIssue] - made by attrs,
        ) as socket:
            yield socket

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        refused: Callable[[int, bytes], GenqError | None] | None = None,
        most: int = _MOST_JSON,
        headers: dict[str, str] | None = None,
        within: aiohttp.ClientTimeout = _LONG,
        **more: Any,
    ) -> bytes:
        """Return the body of an answer 200."""
        try:
            async with self._session.request(
                method,
                f"{self._origin}{path}",
                headers=self._headers() | (headers or {}),
                allow_redirects=False,
                timeout=within,
                **more,
            ) as response:
                if response.status == HTTPStatus.OK:
                    return await _bounded(response, most)
                raise await self._refusal(response, path, refused)
        except MODEL_FAILURES as error:
            raise failure_of(error, server=self.name, now=self._clock.now()) from error

    async def _refusal(
        self,
        response: aiohttp.ClientResponse,
        path: str,
        refused: Callable[[int, bytes], GenqError | None] | None,
    ) -> GenqError:
        body = await _start(response, _MOST_OF_REFUSAL)
        text = body[:_LOGGED_BYTES].decode(errors="replace")
        log.warning(
            "model_server_refused",
            server=self.name,
            path=path.split("/")[1],
            status=response.status,
            text=without_key(text, self._server)[:_LOGGED_CHARACTERS],
        )
        meant = refused(response.status, body) if refused else None
        if meant is not None:
            return meant
        if path == "/view":
            return bad_answer(self.name, "with a picture that it does not have")
        now = self._clock.now()
        return status_failure(
            response.status, Refusal(), response.headers, server=self.name, now=now
        )

    def _read(self, answer: bytes, shape: type[Shape]) -> Shape:
        try:
            return shape.model_validate_json(answer)
        except ValidationError:
            # The exception quotes the answer, so it goes no further.
            raise bad_answer(self.name, "that is not the JSON it promises") from None

    def _headers(self) -> dict[str, str]:
        key = self._server.api_key.get_secret_value()
        own = {"Accept-Encoding": "identity"}
        return own | ({"Authorization": f"Bearer {key}"} if key != NO_KEY else {})


class _Stored(BaseModel):
    """The answer to ``POST /upload/image``."""

    name: str
    subfolder: str = ""
    type: str = "input"


async def _bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    if (response.content_length or 0) > most:
        raise aiohttp.ClientPayloadError("announced longer than any answer may be")
    parts: list[bytes] = []
    left = most
    async for part in response.content.iter_any():
        left -= len(part)
        if left < 0:
            raise aiohttp.ClientPayloadError("longer than any answer may be")
        parts.append(part)
    return b"".join(parts)


async def _start(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the first ``most`` bytes of a body."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size >= most:
            break
    return b"".join(parts)[:most]
