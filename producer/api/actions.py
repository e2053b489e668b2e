"""The route that does one action on every job that fits a filter."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.new_ids import new_key
from infra.postgres.engine import transaction
from infra.postgres.kept_answers import Call, claim_call, kept_answer
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.cancel import canceller_of
from producer.api.preferences import idempotency_key
from producer.api.request_hash import hash_of
from producer.api.retry import retrier_of
from producer.api.services import Services
from producer.idempotency import refuse_other_body
from producer.job_actions import JobActions
from schemas.job_action import JobActionRequest

_JSON: Final = "application/json"


async def act_on_jobs(services: Services, tenant: Tenant, request: Request) -> Response:
    """Cancel, or try again, what fits the filter; say how many these were.

    An action that is cut short may be sent again whatever became of it: what was cancelled or
    tried again before does not fit any more. The key only gives back the answer of a call that
    came to its end.
    """
    key = idempotency_key(request.headers, "actions")
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(JobActionRequest, body)
    call = Call(tenant.id, key, hash_of(body)) if key else None
    told = await _replay(services, call) if call else None
    headers = {"idempotent-replayed": "true"} if told is not None else {}
    if told is None:
        actions = JobActions(
            services.engine,
            canceller_of(services),
            retrier_of(services),
            searches=services.searches,
        )
        told = (await actions.carry_out(tenant, wanted)).model_dump(mode="json")
        if call is not None:
            await _keep(services, call, told)
    return Response(encode(told), 200, headers, _JSON)


async def _replay(services: Services, call: Call) -> Any:
    async with transaction(services.engine) as connection:
        kept = await kept_answer(connection, call)
    if kept is None:
        return None
    refuse_other_body(kept.request_hash, call.request_hash)
    return kept.answer


async def _keep(services: Services, call: Call, answer: Any) -> None:
    ttl = services.settings.idempotency_ttl
    async with transaction(services.engine) as connection:
        await claim_call(connection, call, job_id=new_key(), ttl=ttl, answer=answer)
