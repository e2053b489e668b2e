"""The second gate: how many calls per minute a tenant makes, told in every answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11. A tenant without a limit costs
one comparison.
"""

import math
from datetime import timedelta
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from infra.call_gate import WINDOW_SECONDS, CallGate, CallTurn
from infra.postgres.tenants import Tenant
from producer.api.problems import RATE_HEADERS
from schemas.admission_errors import CallRateError
from schemas.ids import format_id

_POLICY: Final = "calls"
VISITS_PER_MINUTE: Final = 60
VERIFICATIONS_PER_MINUTE: Final = 120


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
    await _count(gate, str(tenant.id), per_minute, request, who=f"tenant {tenant.name}")


async def count_visit(gate: CallGate, endpoint_id: UUID, request: Request) -> None:
    """Count one call by a portal link: all links of an endpoint share a rate of their own.

    Whoever has a link is not the tenant, and must not use up the tenant's calls.

    Raises:
        CallRateError: It was one too many.
    """
    shown = format_id("whe", endpoint_id)
    who = f"portal links of webhook endpoint {shown}"
    await _count(gate, f"portal:{shown}", VISITS_PER_MINUTE, request, who=who)


async def count_verification(gate: CallGate, tenant: Tenant, request: Request) -> None:
    """Count one question where something comes from: to answer it takes much of a processor.

    Raises:
        CallRateError: It was one too many.
    """
    who = f"tenant {tenant.name}, with POST /v1/verify,"
    key = f"verify:{tenant.id}"
    await _count(gate, key, VERIFICATIONS_PER_MINUTE, request, who=who)


async def _count(
    gate: CallGate, key: str, per_minute: int, request: Request, *, who: str
) -> None:
    turn = await gate.take(key, per_minute)
    request.scope[RATE_HEADERS] = _headers(turn, per_minute)
    if not turn.granted:
        raise CallRateError(
            f"{who} may make {per_minute} calls a minute; the next one is free in "
            f"{turn.wait:.1f} s",
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
