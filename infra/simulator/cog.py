"""Cog's HTTP API under ``/cog``: a container of Replicate's kind with one place and no model.

It answers status by status as Cog's own server does (``docs/http.md`` of
github.com/replicate/cog): a prediction is put under an id and its line is held until it has
ended, or told as a stream; a server whose place is taken says 409. There are no webhooks, so
that ``Prefer: respond-async`` is refused: nobody would hear of the end.
"""

import asyncio
import secrets
from http import HTTPStatus
from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import ValidationError

from infra.simulator.calls import Call, hash_prompt
from infra.simulator.cog_prediction import CogInput, CogRequest, Prediction
from infra.simulator.faults import break_off, garble, hang, refusal_of
from infra.simulator.refusal import MARK, RefusalError
from infra.simulator.script import Fault, FaultKind, Operation
from infra.simulator.serving import Service, check_key
from infra.simulator.streaming import Pace

PREFIX: Final = "/cog"
_EVENTS: Final = "text/event-stream"
_BUSY: Final = {"error": "At capacity - all prediction slots busy", "status": "failed"}
_SPOILED: Final = frozenset({FaultKind.CUT, FaultKind.MALFORMED, FaultKind.REFUSE_CONTENT})


def cog_routes(service: Service) -> list[web.RouteDef]:
    """Return the routes of a Cog server with one place."""
    server = _Cog(service)
    return [
        web.get(f"{PREFIX}/", server.about),
        web.get(f"{PREFIX}/health-check", server.health),
        web.get(f"{PREFIX}/openapi.json", server.document),
        web.post(f"{PREFIX}/predictions", server.predict),
        web.put(f"{PREFIX}/predictions/{{id}}", server.predict),
        web.post(f"{PREFIX}/predictions/{{id}}/cancel", server.cancel),
    ]


class _Cog:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._running: dict[str, asyncio.Task[dict[str, Any]]] = {}

    async def about(self, request: web.Request) -> web.StreamResponse:
        del request
        urls = ("openapi.json", "health-check", "predictions")
        told = {f"{name.partition('.')[0]}_url": f"{PREFIX}/{name}" for name in urls}
        return _json({"simulator": "no model answers here", **told})

    async def health(self, request: web.Request) -> web.StreamResponse:
        del request
        return _json({"status": "BUSY" if self._running else "READY"})

    async def document(self, request: web.Request) -> web.StreamResponse:
        del request
        streams = {"x-cog-streaming": True}
        return _json(
            {
                "openapi": "3.0.2",
                "info": {"title": "genq development simulator", "version": "0.1.0"},
                "paths": {"/predictions": {**streams, "post": streams}},
                "components": {"schemas": {"Input": CogInput.model_json_schema()}},
            }
        )

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        task = self._running.get(request.match_info["id"])
        if task is None:
            return _json({}, HTTPStatus.NOT_FOUND)
        task.cancel()
        return _json({})

    async def predict(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("id") or secrets.token_hex(13)
        try:
            check_key(request)
            asked = CogRequest.model_validate_json(await request.read()).input
        except RefusalError as refusal:
            return _json({"detail": refusal.message}, refusal.status)
        except ValidationError as fault:
            return _json({"detail": _faults(fault)}, HTTPStatus.UNPROCESSABLE_ENTITY)
        if "respond-async" in request.headers.get("prefer", ""):
            return _json({"detail": "no webhooks here"}, HTTPStatus.BAD_REQUEST)
        on: Operation = "edits" if asked.image is not None else "images"
        calls, headers = self._service.calls, request.headers
        call = calls.arrived(
            on, job=headers.get("x-genq-job"), request_id=headers.get("x-request-id")
        )
        call.prompt_hash = hash_prompt(asked.prompt)
        try:
            response = await self._answer(request, name, asked, call)
            call.status = response.status
        finally:
            calls.left(call)
        return response

    async def _answer(
        self, request: web.Request, name: str, asked: CogInput, call: Call
    ) -> web.StreamResponse:
        service = self._service
        fault = service.direction.fault_for(call.on, asked.prompt)
        if fault is not None:
            service.calls.hit(call, fault.kind)
            refused = await _played(fault, call.on)
            if refused is not None:
                return refused
        if name in self._running:
            return _json({"id": name, "status": "processing"}, HTTPStatus.ACCEPTED)
        if self._running:
            return _json(_BUSY, HTTPStatus.CONFLICT)
        due = call.monotonic + service.direction.next_latency()
        prediction = Prediction(
            name, asked, Pace(service.calls.clock, call.monotonic, due).wait
        )
        withhold = fault is not None and fault.kind is FaultKind.REFUSE_CONTENT
        task = asyncio.create_task(prediction.run(service.gallery, withhold=withhold))
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name))
        if request.headers.get("accept") == _EVENTS:
            return await _streamed(request, prediction, fault)
        try:
            ended = await asyncio.shield(task)
        except asyncio.CancelledError:
            # Whoever waits for a whole answer and leaves, cancels.
            task.cancel()
            raise
        return await _whole(request, ended, fault)


async def _played(fault: Fault, on: Operation) -> web.Response | None:
    """Wait, hang, or return the refusal; ``None``: the prediction itself goes wrong."""
    await asyncio.sleep(fault.delay)
    if fault.kind is FaultKind.HANG:
        await hang()
    if fault.kind in _SPOILED:
        return None
    refusal = refusal_of(fault, on)
    if fault.kind is FaultKind.RATE_LIMIT:
        return _json(_BUSY, HTTPStatus.CONFLICT, refusal.headers)
    if fault.kind is FaultKind.REJECT:
        place = {"loc": ["body", "input", "prompt"], "msg": refusal.message}
        return _json({"detail": [place]}, HTTPStatus.UNPROCESSABLE_ENTITY)
    return _json({"detail": refusal.message}, refusal.status, refusal.headers)


async def _whole(
    request: web.Request, ended: dict[str, Any], fault: Fault | None
) -> web.StreamResponse:
    if fault is None or fault.kind is FaultKind.REFUSE_CONTENT:
        return _json(ended)
    body = orjson.dumps(ended)
    headers = {**MARK, "content-type": "application/json"}
    if fault.kind is FaultKind.MALFORMED:
        return web.Response(body=garble(body), headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_length = len(body)
    return await break_off(request, response, garble(body))


async def _streamed(
    request: web.Request, prediction: Prediction, fault: Fault | None
) -> web.StreamResponse:
    """Tell a prediction as it goes. Who leaves a stream does not end the prediction."""
    response = web.StreamResponse(headers={**MARK, "content-type": _EVENTS})
    await response.prepare(request)
    await response.write(_event("start", {"id": prediction.name, "status": "processing"}))
    while (line := await prediction.lines.get()) is not None:
        event = _event(*line)
        if fault is not None and line[0] in {"output", "completed"}:
            if fault.kind is FaultKind.CUT:
                return await break_off(request, response, garble(event))
            if fault.kind is FaultKind.MALFORMED:
                event = garble(event) + b"\n\n"
        await response.write(event)
    return response


def _faults(fault: ValidationError) -> list[dict[str, Any]]:
    told = fault.errors(include_input=False, include_url=False, include_context=False)
    return [
        {"loc": ["body", *one["loc"]], "msg": one["msg"], "type": one["type"]} for one in told
    ]


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))


def _json(
    body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        headers={**MARK, **(headers or {})},
        content_type="application/json",
    )
