"""How each scripted fault looks on the wire."""

import asyncio
from typing import Final, NoReturn

from aiohttp import web

from infra.simulator.refusal import RefusalError
from infra.simulator.script import Fault, FaultKind, Operation

_DEFAULT_RETRY_AFTER: Final = 1.0
_SERVER_MESSAGES: Final = {
    502: "Bad gateway.",
    503: "The engine is currently overloaded, please try again later.",
    504: "Gateway timeout.",
}


def refusal_of(fault: Fault, operation: Operation) -> RefusalError:
    """Return the error answer of a fault that has one."""
    if fault.kind is FaultKind.RATE_LIMIT:
        return _rate_limit(fault)
    if fault.kind is FaultKind.SERVER_ERROR:
        return _server_error(fault)
    if fault.kind is FaultKind.UNAUTHORIZED:
        return wrong_key(fault.code)
    if fault.kind is FaultKind.REFUSE_CONTENT:
        return _refused_content(fault, operation)
    status = fault.status if fault.status and fault.status < 500 else 400  # noqa: PLR2004 - 5xx is the server's fault
    return RefusalError(status, "The request was rejected, by script.", code=fault.code)


def wrong_key(code: str | None = None) -> RefusalError:
    """Return the 401."""
    return RefusalError(401, "Incorrect API key provided.", code=code or "invalid_api_key")


def _rate_limit(fault: Fault) -> RefusalError:
    seconds = _DEFAULT_RETRY_AFTER if fault.retry_after is None else fault.retry_after
    return RefusalError(
        429,
        f"Rate limit reached for requests. Please try again in {seconds:g}s.",
        kind="requests",
        code=fault.code or "rate_limit_exceeded",
        headers={"retry-after": f"{seconds:g}", "retry-after-ms": f"{seconds * 1000:.0f}"},
    )


def _server_error(fault: Fault) -> RefusalError:
    status = fault.status if fault.status and fault.status >= 500 else 500  # noqa: PLR2004 - 4xx is the client's fault
    message = _SERVER_MESSAGES.get(
        status, "The server had an error while processing your request."
    )
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    return RefusalError(status, message, kind="server_error", code=fault.code, headers=headers)


def _refused_content(fault: Fault, operation: Operation) -> RefusalError:
    if operation == "images":
        return RefusalError(
            400,
            "Your request was rejected by the safety system.",
            kind="image_generation_user_error",
            code=fault.code or "moderation_blocked",
        )
    return RefusalError(
        400,
        "Your request was rejected as a result of our safety system.",
        code=fault.code or "content_policy_violation",
    )


async def hang() -> NoReturn:
    """Wait until the client leaves or the server stops; both cancel the request."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody sets that future")


async def break_off(
    request: web.Request, response: web.StreamResponse, half: bytes
) -> web.StreamResponse:
    """Send the headers and ``half`` of the body, and close the connection."""
    await response.prepare(request)
    await response.write(half)
    if request.transport is not None:
        request.transport.close()
    return response


def garble(body: bytes) -> bytes:
    """Return JSON that ends in the middle."""
    return body[: max(1, len(body) // 2)]
