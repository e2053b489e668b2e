"""``POST /comfy/prompt``: checked as ComfyUI does, played by the script, put into the queue."""

import asyncio
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
from aiohttp import web

from infra.simulator.calls import Call, hash_prompt
from infra.simulator.comfy_files import ComfyFiles
from infra.simulator.comfy_nodes import Graph, InvalidPromptError, failed_validation, outputs_of
from infra.simulator.comfy_painting import Painting, painting_of
from infra.simulator.comfy_queue import ComfyQueue
from infra.simulator.comfy_run import Prompt
from infra.simulator.faults import refusal_of
from infra.simulator.refusal import MARK
from infra.simulator.script import Fault, FaultKind, Operation
from infra.simulator.serving import Service

_NO_PROMPT: Final = "No prompt provided"
# These are seen after a prompt was taken.
_LATER: Final = frozenset(
    {FaultKind.CUT, FaultKind.HANG, FaultKind.MALFORMED, FaultKind.REFUSE_CONTENT}
)


class ComfyDoor:
    """Takes prompts.

    Attributes:
        faults: What goes wrong with prompts that were taken, by their ids.

    Args:
        service: Has the script and the log of calls.
        queue: Where prompts go.
        files: What they may load.
    """

    def __init__(self, service: Service, queue: ComfyQueue, files: ComfyFiles) -> None:
        self.faults: dict[str, Fault] = {}
        self._service = service
        self._queue = queue
        self._files = files
        self._number = 0
        self._watching: set[asyncio.Task[None]] = set()

    async def submit(self, request: web.Request, *, names: bool) -> web.StreamResponse:
        """Answer a request; ``names``: the prompt's own name for itself does not count.

        Raises:
            RefusalError: The script says so.
        """
        asked = orjson.loads(await request.read())
        if names:
            asked.pop("prompt_id", None)
        try:
            prompt_id, graph, outputs = self._checked(asked)
            painting = painting_of(graph, outputs[0], self._files)
            call, fault = await self._called(request, prompt_id, painting)
        except InvalidPromptError as refusal:
            return comfy_json(refusal.body, 400)
        number = asked.get("number", -self._number if asked.get("front") else self._number)
        self._number += 1
        extra = dict(asked.get("extra_data") or {})
        if "client_id" in asked:
            extra["client_id"] = asked["client_id"]
        seconds = self._service.direction.next_latency()
        prompt = Prompt(float(number), prompt_id, graph, extra, outputs, seconds, fault)
        self._queue.put(prompt)
        watching = asyncio.create_task(self._until_ended(prompt, call))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        return comfy_json({"prompt_id": prompt_id, "number": number, "node_errors": {}})

    async def close(self) -> None:
        """Wait until nothing is under way; the queue must have been emptied."""
        await asyncio.gather(*self._watching)

    def _checked(self, asked: dict[str, Any]) -> tuple[str, Graph, list[str]]:
        graph: Graph | None = asked.get("prompt")
        if graph is None:
            raise InvalidPromptError(
                {"type": "no_prompt", "message": _NO_PROMPT, "details": _NO_PROMPT}
            )
        return _checked_id(asked.get("prompt_id")), graph, outputs_of(graph, self._files.has)

    async def _called(
        self, request: web.Request, prompt_id: str, painting: Painting
    ) -> tuple[Call, Fault | None]:
        """Record a call, and return what the script has for it.

        Raises:
            RefusalError: It is not taken.
            InvalidPromptError: It is not taken, in ComfyUI's own words.
        """
        calls = self._service.calls
        operation: Operation = "edits" if painting.edits else "images"
        job = request.headers.get("x-genq-job")
        call = calls.arrived(operation, job=job, request_id=prompt_id)
        call.prompt_hash = hash_prompt(painting.prompt)
        fault = self._service.direction.fault_for(operation, painting.prompt)
        if fault is None:
            return call, None
        calls.hit(call, fault.kind)
        try:
            await asyncio.sleep(fault.delay)
            _refuse(fault, operation, painting, call)
        except BaseException:
            calls.left(call)
            raise
        self.faults[prompt_id] = fault
        return call, fault

    async def _until_ended(self, prompt: Prompt, call: Call) -> None:
        await prompt.ended.wait()
        call.status = 200
        self._service.calls.left(call)


def _checked_id(given: object) -> str:
    if given is None:
        return str(uuid4())
    try:
        same = str(UUID(str(given))) == given
    except ValueError:
        same = False
    if not same:
        error = {
            "type": "invalid_prompt_id",
            "message": "prompt_id must be a valid UUID",
            "details": "",
        }
        raise InvalidPromptError(error)
    return str(given)


def _refuse(fault: Fault, operation: Operation, painting: Painting, call: Call) -> None:
    if fault.kind is FaultKind.REJECT:
        call.status = 400
        raise _rejected(painting)
    if fault.kind not in _LATER:
        refusal = refusal_of(fault, operation)
        call.status = refusal.status
        raise refusal


def _rejected(painting: Painting) -> InvalidPromptError:
    reason: dict[str, Any] = {
        "type": "custom_validation_failed",
        "message": "Custom validation failed for node",
        "details": "rejected, by script",
        "extra_info": {"input_name": "text"},
    }
    blamed = {"errors": [reason], "dependent_outputs": []}
    return failed_validation({painting.worded: blamed})


def comfy_json(body: Any, status: int = 200) -> web.Response:
    """Return an answer in JSON."""
    return web.Response(
        body=orjson.dumps(body), status=status, headers=MARK, content_type="application/json"
    )
