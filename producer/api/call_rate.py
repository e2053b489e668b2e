"""The second gate: how many calls per minute a tenant makes, told in every answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11. A tenant without a limit costs
one comparison.
"""

import math
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.call_gate import WINDOW_SECONDS, CallGate, CallTurn
from infra.postgres.tenants import Tenant
from producer.api.problems import RATE_HEADERS
from schemas.admission_errors import CallRateError

_POLICY: Final = "calls"


async def count_call(gate: CallGate, default: int, tenant: Tenant, request: Request) -> None:
    """Count one call of a tenant that is limited; leave what to tell in the request's scope.

    Args:
        gate: Counts.
        default: Calls per minute of a tenant that has no number of its own; 0 is any.
        tenant: Who calls.
        request: Its body has not been read.

    Raises:
        CallRateError: It was one too many.
    """
    own = tenant.calls_per_minute
    per_minute = default if own is None else own
    if not per_minute:
        return
    turn = await gate.take(str(tenant.id), per_minute)
    request.scope[RATE_HEADERS] = _headers(turn, per_minute)
    if not turn.granted:
        raise CallRateError(
            f"tenant {tenant.name} may make {per_minute} calls a minute; the next one is free "
            f"in {turn.wait:.1f} s",
            retry_after=timedelta(seconds=turn.wait),
        )


def tell_rate(request: Request, response: Response) -> Response:
    """Add to an answer what ``count_call`` left."""
    headers = request.scope.get(RATE_HEADERS)
    if headers:
        response.headers.update(headers)
    return response


def _headers(turn: CallTurn, per_minute: int) -> dict[str, str]:
    # Within this time there are no more calls than are left: until all are back, or the next.
    seconds = max(1, math.ceil(turn.full_in if turn.left else turn.wait))
    return {
        "ratelimit-policy": f'"{_POLICY}";q={per_minute};w={WINDOW_SECONDS}',
        "ratelimit": f'"{_POLICY}";r={turn.left};t={seconds}',
    }
