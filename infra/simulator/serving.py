"""One model call from arrival to answer: recorded, checked, played by the script, timed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from infra.simulator.calls import Call, CallLog, hash_prompt
from infra.simulator.faults import break_off, garble, hang, refusal_of, wrong_key
from infra.simulator.gallery import Gallery
from infra.simulator.models import check_model
from infra.simulator.operations import BodyT, ModelRoute, Surroundings
from infra.simulator.refusal import MARK, RefusalError, unreadable
from infra.simulator.script import Direction, Fault, FaultKind, Operation
from infra.simulator.streaming import Pace, stream_events

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]

ReadBody = Callable[[web.Request], Awaitable[BodyT]]

Shape = TypeVar("Shape", bound=BaseModel)

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
_REFUSED_KEY: Final = "Bearer invalid"
_SPOILED: Final = frozenset({FaultKind.CUT, FaultKind.MALFORMED})


class Service:
    """Serves the model routes over one script, one call log and one gallery."""

    def __init__(self, direction: Direction, calls: CallLog, gallery: Gallery) -> None:
        self.direction = direction
        self.calls = calls
        self.gallery = gallery

    def respond(self, route: ModelRoute[BodyT], read: ReadBody[BodyT] | None = None) -> Respond:
        """Return what answers the requests of ``route``.

        Args:
            route: Which.
            read: Reads bodies that are no JSON.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            headers = request.headers
            call = self.calls.arrived(
                route.operation,
                job=headers.get("x-genq-job"),
                request_id=headers.get("x-request-id"),
            )
            try:
                response = await self._answer(route, request, call, read)
                call.status = response.status
            except RefusalError as refusal:
                call.status = refusal.status
                refusal.headers["x-request-id"] = _own_id(call)
                raise
            finally:
                self.calls.left(call)
            return response

        return refusing(answer)

    async def _answer(
        self,
        route: ModelRoute[BodyT],
        request: web.Request,
        call: Call,
        read: ReadBody[BodyT] | None,
    ) -> web.StreamResponse:
        check_key(request)
        body = await (read(request) if read else read_body(request, route.body))
        check_model(body.model, route.operation)
        prompt = route.prompt(body)
        call.prompt_hash = hash_prompt(prompt)
        fault = self.direction.fault_for(route.operation, prompt)
        pace = Pace(
            self.calls.clock, call.monotonic, call.monotonic + self.direction.next_latency()
        )
        if fault is not None:
            self.calls.hit(call, fault.kind)
            await _play(fault, route.operation)
        origin = f"{request.scheme}://{request.host}"
        reply = await route.answer(body, Surroundings(self.gallery, int(call.at), origin))
        headers = {**MARK, "x-request-id": _own_id(call)}
        if reply.events:
            headers |= {"content-type": "text/event-stream", "cache-control": "no-cache"}
            response = web.StreamResponse(headers=headers)
            return await stream_events(request, response, reply, pace, fault)
        await pace.wait()
        headers["content-type"] = reply.content_type
        content = reply.body()
        if fault is None:
            return web.Response(body=content, headers=headers)
        if fault.kind is FaultKind.MALFORMED:
            return web.Response(body=garble(content), headers=headers)
        response = web.StreamResponse(headers=headers)
        response.content_length = len(content)
        return await break_off(request, response, garble(content))


async def _play(fault: Fault, operation: Operation) -> None:
    """Wait, hang or refuse as the fault says; the spoiled answers must be made first."""
    await asyncio.sleep(fault.delay)
    if fault.kind is FaultKind.HANG:
        await hang()
    if fault.kind not in _SPOILED:
        raise refusal_of(fault, operation)


def refusing(respond: Respond) -> Respond:
    """Return ``respond`` with its refusals turned into answers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await respond(request)
        except RefusalError as refusal:
            return refusal.response()

    return answer


def check_key(request: web.Request) -> None:
    """Refuse the one key that is not accepted; no key at all is fine on one's own machine."""
    if request.headers.get("authorization", "").strip() == _REFUSED_KEY:
        raise wrong_key()


async def read_body(request: web.Request, shape: type[Shape]) -> Shape:
    """Return the body of a request.

    Raises:
        RefusalError: 413 (too large) or 400 (not JSON, or not of this shape).
    """
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        message = f"The body is larger than {MAX_BODY_BYTES} bytes."
        raise RefusalError(413, message, code="request_too_large") from None
    try:
        return shape.model_validate_json(raw)
    except ValidationError as fault:
        raise unreadable(fault) from None


def _own_id(call: Call) -> str:
    return f"req_sim{call.seq:010d}"
