"""The routes of recoveries: start one, follow it, stop it."""

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, field_validator
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.preferences import idempotency_key
from producer.api.request_hash import hash_of
from producer.api.services import Services
from producer.api.webhook_paths import named_in_path
from producer.webhooks.recovering import Recoveries
from schemas.errors import FieldError, InputError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.shape import Shape
from schemas.webhook_recovery import RecoveryRequest, recovery_view

_JSON: Final = "application/json"


class RecoveriesQuery(Shape):
    """Which page of recoveries; ``after`` is the 'next' of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: str | None = None

    @field_validator("after", mode="after")
    @classmethod
    def _cursor(cls, value: str | None) -> str | None:
        try:
            return None if value is None else format_id("whr", parse_id("whr", value))
        except InvalidIdError:
            raise ValueError("must be the 'next' of the page before") from None


async def recover_endpoint(services: Services, tenant: Tenant, request: Request) -> Response:
    """Begin to send events of a stretch of time again: 202 with the recovery."""
    endpoint_id = named_in_path(request, "endpoint_id", "whe")
    key = idempotency_key(request.headers, "recover")
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(RecoveryRequest, body)
    if wanted.since >= services.clock.now():
        fault = FieldError("/since", "must be in the past")
        raise InputError("the body is not acceptable", fields=[fault])
    asked = await _recoveries(services).start(
        tenant,
        endpoint_id,
        wanted,
        idempotency_key=key,
        body_hash=hash_of(body) if key else b"",
    )
    view = recovery_view(asked.recovery)
    path = f"/v1/webhook_endpoints/{view['endpoint_id']}/recoveries/{view['id']}"
    headers = {"location": services.public_url + path}
    if asked.replayed:
        headers["idempotent-replayed"] = "true"
    return Response(encode(view), 202, headers, _JSON)


async def list_endpoint_recoveries(
    services: Services, tenant: Tenant, request: Request
) -> Response:
    """Answer with one page of an endpoint's recoveries, newest first."""
    endpoint_id = named_in_path(request, "endpoint_id", "whe")
    query = read_query(RecoveriesQuery, request)
    before = parse_id("whr", query.after) if query.after else None
    # One more than wanted tells whether there is a next page.
    found = await _recoveries(services).page(
        tenant, endpoint_id, limit=query.limit + 1, before=before
    )
    shown = found[: query.limit]
    following = format_id("whr", shown[-1].id) if len(found) > query.limit else None
    return page(services, request, [recovery_view(one) for one in shown], following)


async def show_recovery(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one recovery."""
    found = await _recoveries(services).get(
        tenant,
        named_in_path(request, "endpoint_id", "whe"),
        named_in_path(request, "recovery_id", "whr"),
    )
    return Response(encode(recovery_view(found)), 200, PRIVATE, _JSON)


async def cancel_recovery(services: Services, tenant: Tenant, request: Request) -> Response:
    """End a recovery where it is; to do it twice is to do it once."""
    stopped = await _recoveries(services).cancel(
        tenant,
        named_in_path(request, "endpoint_id", "whe"),
        named_in_path(request, "recovery_id", "whr"),
    )
    return Response(encode(recovery_view(stopped)), 200, None, _JSON)


def _recoveries(services: Services) -> Recoveries:
    return Recoveries(services.engine, idempotency_ttl=services.settings.idempotency_ttl)
