"""A model server that speaks ComfyUI's API: workflows of nodes, one at a time, from a queue.

Source: ``server.py``, ``execution.py`` and ``protocol.py`` of github.com/Comfy-Org/ComfyUI.

A prompt (a graph to run) is named by genq, put into the server's queue, followed over a
WebSocket, and its pictures are fetched when the history has it. The server holds all of this
in memory: what it does not know any more is tried again.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import uuid4

import structlog
from pydantic import JsonValue

from schemas.claim import Claim
from schemas.errors import (
    GenqError,
    ModelRateLimitedError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from schemas.generation import Usage
from schemas.model_catalog import ModelServer
from worker.progress import LiveNews
from worker.providers.cancels import CANCEL_SECONDS, Cancels
from worker.providers.comfy_answers import (
    Entry,
    File,
    Submitted,
    bad_answer,
    refuse_partial,
)
from worker.providers.comfy_calls import ComfyCalls
from worker.providers.comfy_input import Asked, Workflow, asked_of, graph_of, open_workflow
from worker.providers.comfy_line import ComfyLine, Followed
from worker.providers.comfy_news import ComfyNews
from worker.providers.picture import Picture, given_picture, read_picture
from worker.providers.provider import Reply
from worker.providers.provider_parts import ProviderParts
from worker.together import together

_OWN_PLACES: Final = 2

log: Final = structlog.get_logger()


class ComfyProvider:
    """Runs jobs on one ComfyUI server.

    Args:
        server: As configured.
        calls: Reach it.
        silence: The longest that a prompt may take, waiting in the server's queue included.
        news: Hears how far prompts are.

    Raises:
        SettingsError: A workflow cannot be read, or does not fit its inputs.
    """

    def __init__(
        self,
        server: ModelServer,
        calls: ComfyCalls,
        *,
        silence: timedelta,
        news: LiveNews | None = None,
    ) -> None:
        self._server = server
        self._calls = calls
        self._line = ComfyLine(calls)
        self._silence = silence.total_seconds()
        self._news = news
        self._workflows = {
            (spec.name, spec.kind): open_workflow(server, spec) for spec in server.models
        }
        self._cancels = Cancels()

    async def generate(self, claim: Claim) -> Reply:
        """Ask the model once. See ``Provider.generate``."""
        workflow = self._workflows[claim.model, claim.kind]
        asked = asked_of(claim, workflow)
        try:
            async with asyncio.timeout(self._silence):
                return await self._generate(claim, workflow, asked)
        except TimeoutError:
            raise ModelTimeoutError(
                f"model server {self._server.name} did not answer in time: submit the job "
                "again later"
            ) from None

    async def close(self) -> None:
        """Wait for what ends prompts that nobody waits for, and close the line."""
        await self._cancels.close()
        await self._line.close()

    async def _generate(self, claim: Claim, workflow: Workflow, asked: Asked) -> Reply:
        uploaded = await self._upload(asked)
        # A later attempt is another prompt.
        prompt_id = str(uuid4())
        graph = graph_of(workflow, asked, uploaded, prompt_id=prompt_id)
        news = ComfyNews(claim, self._news, server=self._server.name)
        async with (
            self._line.follow(prompt_id, hears=news.heard, sees=news.seen) as followed,
            news,
        ):
            submitting = asyncio.create_task(
                self._calls.submit(
                    graph,
                    prompt_id=prompt_id,
                    client_id=self._line.client_id,
                    claim=claim,
                    told=workflow.told,
                )
            )
            try:
                # A call that is broken off may still be heard: only its answer tells.
                submitted = await asyncio.shield(submitting)
            except asyncio.CancelledError:
                self._give_up(prompt_id, submitting)
                raise
            except GenqError as error:
                if error.retryable and not isinstance(error, ModelRateLimitedError):
                    # Whether the server has it is not known.
                    self._give_up(prompt_id, None)
                raise
            self._line.submitted(followed, submitted.prompt_id)
            try:
                refuse_partial(submitted, workflow.told.outputs, server=self._server.name)
                entry = await self._end_of(followed)
            except BaseException:
                self._give_up(followed.prompt_id, None)
                raise
        return await self._reply(claim, workflow, asked, entry)

    async def _upload(self, asked: Asked) -> Mapping[tuple[str, str], str]:
        """Store the pictures of an edit on the server, each once."""
        own = list(dict.fromkeys(asked.pictures.values()))
        pictures = [given_picture(url, f"images/{n}") for n, url in enumerate(own)]
        names = await together([self._calls.upload(one) for one in pictures]) if own else ()
        called = dict(zip(own, names, strict=True))
        return {place: called[url] for place, url in asked.pictures.items()}

    async def _end_of(self, followed: Followed) -> Entry:
        """Wait for the end of a prompt, and return what the server remembers of it.

        Raises:
            ModelUnavailableError: It does not know the prompt any more.
        """
        while True:
            await followed.look.wait()
            followed.look.clear()
            if followed.failure is not None:
                raise followed.failure
            entry = await self._calls.entry(followed.prompt_id)
            if entry is None and followed.prompt_id not in (await self._calls.queue()).ids():
                # It may have ended between the two looks.
                entry = await self._calls.entry(followed.prompt_id)
                if entry is None:
                    raise ModelUnavailableError(
                        f"model server {self._server.name} lost the prompt, or somebody took "
                        "it out of its queue: submit the job again later"
                    )
            if entry is not None:
                return entry

    async def _reply(
        self, claim: Claim, workflow: Workflow, asked: Asked, entry: Entry
    ) -> Reply:
        failure = entry.failure(self._server.name)
        if failure is not None:
            raise failure
        files = entry.files(workflow.told.outputs)[: claim.input.get("n", 1)]
        if not files:
            raise bad_answer(self._server.name, "without a picture")
        pictures = await together([self._picture(file) for file in files])
        details: dict[str, JsonValue] = {}
        if asked.seed is not None:
            details["seed"] = asked.seed
        if asked.ignored:
            details["ignored_parameters"] = list(asked.ignored)
        return Reply(pictures=pictures, usage=Usage(images=len(pictures)), details=details)

    async def _picture(self, file: File) -> Picture:
        return read_picture(await self._calls.view(file), server=self._server.name)

    def _give_up(self, prompt_id: str, submitting: asyncio.Task[Submitted] | None) -> None:
        """Have the server end a prompt that nobody waits for any more."""
        self._cancels.begin(self._cancel(prompt_id, submitting))

    async def _cancel(self, prompt_id: str, submitting: asyncio.Task[Submitted] | None) -> None:
        if submitting is not None:
            # Without an answer the server may have it all the same, by our name.
            with suppress(GenqError, TimeoutError):
                async with asyncio.timeout(CANCEL_SECONDS):
                    prompt_id = (await submitting).prompt_id
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._calls.drop(prompt_id)
                # Old servers interrupt whatever runs: nobody else's prompt is ours to end.
                if prompt_id in (await self._calls.queue()).running():
                    await self._calls.interrupt(prompt_id)
        except (GenqError, TimeoutError):
            # It is gone, and the prompt with it.
            log.info("comfy_cancel_failed", server=self._server.name)


def open_comfy(server: ModelServer, parts: ProviderParts) -> ComfyProvider:
    """Return the provider of a ComfyUI server.

    Raises:
        SettingsError: A workflow cannot be read, or does not fit its inputs.
    """
    # The line and the looks at the queue take places, too.
    wider = server.model_copy(update={"concurrency": server.concurrency + _OWN_PLACES})
    calls = ComfyCalls(server, parts.session(wider, redirects=False), parts.clock)
    provider = ComfyProvider(server, calls, silence=parts.silence, news=parts.news)
    parts.at_end(provider.close)
    return provider
