"""ComfyUI's queue: one prompt runs, others wait, those that have ended are remembered.

Source: ``PromptQueue`` and ``PromptExecutor`` of ComfyUI's ``execution.py``; messages, their
order and their members are its own.
"""

import asyncio
import heapq
from dataclasses import replace
from typing import Any, Final

import orjson
from aiohttp import web

from infra.clock import Clock
from infra.simulator.comfy_files import ComfyFiles
from infra.simulator.comfy_nodes import OUTPUTS, Graph, upstream
from infra.simulator.comfy_painting import Painting, painting_of
from infra.simulator.comfy_run import BreakError, Prompt, Run
from infra.simulator.comfy_sockets import ComfySockets
from infra.simulator.gallery import Gallery
from infra.simulator.script import FaultKind

_MOST_HISTORY: Final = 10_000
_PREVIEWS: Final = 4
_WITHHELD: Final = "NSFW content detected, by script."


class _InterruptedError(Exception):
    """Somebody interrupted the prompt."""


class ComfyQueue:
    """Runs prompts, one at a time.

    Attributes:
        pending: Those that wait, a heap.
        running: The one that runs.
        history: How they ended, by id.
        breaks: What goes wrong in a node, by the words of a prompt.

    Args:
        gallery: Paints.
        files: Keeps what was painted.
        sockets: Where news go.
        clock: For times in messages.
    """

    def __init__(
        self, gallery: Gallery, files: ComfyFiles, sockets: ComfySockets, clock: Clock
    ) -> None:
        self.pending: list[Prompt] = []
        self.running: Prompt | None = None
        self.history: dict[str, dict[str, Any]] = {}
        self.breaks: dict[str, BreakError] = {}
        self._gallery = gallery
        self._files = files
        self._sockets = sockets
        self._clock = clock
        self._working: asyncio.Task[None] | None = None
        self._interrupted = asyncio.Event()
        self._cached: tuple[Graph, dict[str, Any]] = ({}, {})

    def put(self, prompt: Prompt) -> None:
        """Let a prompt wait for its turn."""
        heapq.heappush(self.pending, prompt)
        self.tell_status()
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())

    def drop(self, prompt_id: str) -> None:
        """Take a prompt that waits out of the queue."""
        dropped = [one for one in self.pending if one.prompt_id == prompt_id]
        self.pending = [one for one in self.pending if one.prompt_id != prompt_id]
        heapq.heapify(self.pending)
        for one in dropped:
            one.ended.set()
        if dropped:
            self.tell_status()

    def clear(self) -> None:
        """Take all that wait out of the queue."""
        for one in list(self.pending):
            self.drop(one.prompt_id)

    def interrupt(self, prompt_id: str | None) -> None:
        """End what runs; if an id is given, only that."""
        if self.running is not None and prompt_id in {None, "", self.running.prompt_id}:
            self._interrupted.set()

    def remaining(self) -> dict[str, Any]:
        """Return how many there are, as ``GET /prompt`` and ``status`` tell it."""
        count = len(self.pending) + (self.running is not None)
        return {"exec_info": {"queue_remaining": count}}

    def tell_status(self) -> None:
        """Tell everybody how many there are."""
        self._sockets.tell("status", {"status": self.remaining()})

    async def stop(self) -> None:
        """Run nothing any more, and let nothing wait."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        for one in (*self.pending, *([self.running] if self.running else [])):
            one.ended.set()
        self.pending, self.running = [], None

    async def _work(self) -> None:
        while self.pending:
            prompt = heapq.heappop(self.pending)
            self.running = prompt
            self.tell_status()
            run = Run(prompt, self._sockets, self._clock)
            outputs: dict[str, Any] = {}
            try:
                await self._execute(run, outputs)
            finally:
                self._interrupted.clear()
                self.running = None
                prompt.ended.set()
            self._remember(prompt, run, outputs)
            self.tell_status()
            run.tell("executing", {"node": None})

    async def _execute(self, run: Run, outputs: dict[str, Any]) -> None:
        prompt = run.prompt
        run.note("execution_start", {})
        graph, kept = self._cached
        cached = list(graph) if graph == prompt.graph else []
        run.executed = [] if cached else self._unchanged(prompt.graph)
        run.note("execution_cached", {"nodes": cached or list(run.executed)})
        if cached:
            for node, output in kept.items():
                run.show(node, output)
                outputs[node] = output
            run.note("execution_success", {})
            return
        try:
            for output in prompt.outputs:
                await self._make(run, output, outputs)
        except BreakError as error:
            run.failed(error)
        except _InterruptedError:
            run.note("execution_interrupted", run.place() | {"executed": run.executed})
        else:
            self._cached = (prompt.graph, dict(outputs))
            run.note("execution_success", {})

    def _unchanged(self, graph: Graph) -> list[str]:
        """Return what need not run again: all that keeps no picture, if no more is new."""
        last, now = _kept_by_none(self._cached[0]), _kept_by_none(graph)
        return list(now) if last == now else []

    async def _make(self, run: Run, output: str, outputs: dict[str, Any]) -> None:
        """Run an output node and all before it that has not run."""
        prompt = run.prompt
        painting = painting_of(prompt.graph, output, self._files)
        for node in upstream(prompt.graph, output):
            if node in run.executed:
                continue
            run.node = node
            run.tell("executing", {"node": node, "display_node": node})
            run.progress(node, 0, 1)
            if node == painting.sampler:
                await self._sample(run, painting)
            elif node == output:
                if painting.sampler is None:
                    await self._pause(prompt.seconds)
                outputs[node] = await self._keep(prompt.graph, node, painting)
                run.show(node, outputs[node])
            run.progress(node, 1, 1, state="finished")
            run.executed.append(node)

    async def _sample(self, run: Run, painting: Painting) -> None:
        prompt = run.prompt
        if prompt.fault is not None and prompt.fault.kind is FaultKind.HANG:
            await self._pause(None)
        previews = set(range(0, painting.steps, max(1, painting.steps // _PREVIEWS)))
        for step in range(painting.steps):
            await self._pause(prompt.seconds / painting.steps)
            run.progress(run.node, step + 1, painting.steps)
            run.tell("progress", {"value": step + 1, "max": painting.steps, "node": run.node})
            if step in previews and self._sockets.listens(run.client):
                share = (step + 1) / painting.steps
                first = replace(painting.pictures[0], unfinished=5 - int(4 * share))
                data = await self._gallery.base64(first)
                self._sockets.show(run.client, data, prompt.prompt_id, run.node)
        broken = self.breaks.get(painting.prompt)
        if broken is not None:
            raise broken
        if prompt.fault is not None and prompt.fault.kind is FaultKind.REFUSE_CONTENT:
            raise BreakError("ValueError", _WITHHELD)

    async def _keep(self, graph: Graph, node: str, painting: Painting) -> dict[str, Any]:
        folder = OUTPUTS[graph[node]["class_type"]]
        prefix = str(graph[node]["inputs"].get("filename_prefix", "ComfyUI"))
        images: list[dict[str, str]] = []
        for picture in painting.pictures:
            await self._gallery.base64(picture)
            place = self._files.save(folder, prefix, picture)
            images.append(
                {"filename": place.name, "subfolder": place.subfolder, "type": folder}
            )
        return {"images": images}

    async def _pause(self, seconds: float | None) -> None:
        """Let time pass; of ``None`` all there is.

        Raises:
            _InterruptedError: Somebody interrupted.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._interrupted.wait()
        except TimeoutError:
            return
        raise _InterruptedError

    def _remember(self, prompt: Prompt, run: Run, outputs: dict[str, Any]) -> None:
        if len(self.history) > _MOST_HISTORY:
            self.history.pop(next(iter(self.history)))
        self.history[prompt.prompt_id] = {
            "prompt": prompt.row(),
            "outputs": outputs,
            "status": {
                "status_str": "success" if run.succeeded else "error",
                "completed": run.succeeded,
                "messages": run.messages,
            },
            "meta": {node: {"node_id": node, "display_node": node} for node in outputs},
        }


def queue_shown(queue: ComfyQueue) -> web.Response:
    """Return the answer to ``GET /queue``."""
    running = [queue.running.row()] if queue.running else []
    shown = {
        "queue_running": running,
        "queue_pending": [one.row() for one in sorted(queue.pending)],
    }
    return web.Response(body=orjson.dumps(shown), content_type="application/json")


def _kept_by_none(graph: Graph) -> Graph:
    return {node: told for node, told in graph.items() if told["class_type"] not in OUTPUTS}
