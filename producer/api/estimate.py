"""The route of estimates: what a job would cost, and whether it would be accepted."""

import math
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.problems import problem_faults, status_of_code
from producer.api.services import Services
from producer.estimate import Estimated, estimate_job
from schemas.budget import BudgetUnit, told
from schemas.errors import GenqError
from schemas.job import JobRequest, iso_ms
from schemas.lanes import BY_NUMBER

_JSON: Final = "application/json"
_SERVER_ERROR: Final = 500


async def show_estimate(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with what a submit of the same body would lead to; nothing is written."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(JobRequest, body)
    try:
        found = await estimate_job(
            services.engine, services.settings, services.submitter, tenant, wanted
        )
    except GenqError as error:
        if status_of_code(error.code) >= _SERVER_ERROR:
            raise
        view = _view(wanted) | {"verdict": "refused", "refusal": _refusal(error)}
    else:
        view = _view(wanted) | _estimate(found)
    return Response(encode(view), 200, {"cache-control": "no-store"}, _JSON)


def _view(wanted: JobRequest) -> dict[str, Any]:
    return {
        "object": "estimate",
        "verdict": "admitted",
        "refusal": None,
        "parked_until": None,
        "kind": wanted.kind.value,
        "model": wanted.model,
        "lane": wanted.lane.value,
        "price": None,
        "units": None,
        "ahead_in_lane": None,
        "eta_seconds": None,
    }


def _estimate(found: Estimated) -> dict[str, Any]:
    verdict, place = found.verdict, found.place
    job = verdict.job
    view: dict[str, Any] = {
        "model": job.model,
        "lane": BY_NUMBER[job.lane].value,
        "units": {"images": job.images, "tokens": job.tokens},
    }
    if found.price is not None:
        low, high = (told(BudgetUnit.MONEY, amount) for amount in found.price)
        view["price"] = {"low": low, "high": high, "currency": "usd"}
    refusal = found.blocked or verdict.refusal
    if refusal is not None:
        return view | {"verdict": "refused", "refusal": _refusal(refusal)}
    view["ahead_in_lane"] = place.ahead_in_lane
    if place.low is not None:
        view["eta_seconds"] = {"low": place.low, "high": place.high}
    if verdict.parked and job.run_at is not None:
        return view | {"verdict": "parked", "parked_until": iso_ms(job.run_at)}
    return view | {"verdict": "downgraded" if verdict.downgraded else "admitted"}


def _refusal(error: GenqError) -> dict[str, Any]:
    after = error.retry_after
    return {
        "status": status_of_code(error.code),
        "code": error.code,
        "detail": error.message,
        "errors": problem_faults(error.fields),
        "retryable": error.retryable,
        "retry_after_seconds": None if after is None else math.ceil(after.total_seconds()),
        "budget": error.members.get("budget"),
    }
