"""The routes of people's data: retention, erasures, exports; and legal holds for operators."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.keyset import PRIVATE, read_query
from producer.api.services import Services
from producer.api.webhook_paths import named_in_path
from producer.privacy import holds, rules
from producer.privacy.erasing import (
    ErasureShown,
    ask_for_erasure,
    show_erasure,
    show_erasures,
)
from producer.privacy.export import export_person
from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.privacy import (
    EndUser,
    ErasureRequest,
    HoldRequest,
    RetentionRequest,
    erasure_view,
    hold_view,
    rule_view,
)
from schemas.shape import Shape

_JSON: Final = "application/json"
_NDJSON: Final = "application/x-ndjson"
_NO_STORE: Final = {"cache-control": "no-store"}


class RuleQuery(Shape):
    """Which rule."""

    model_config = ConfigDict(extra="forbid")

    lane: Lane | None = None
    kind: Kind | None = None


class ExportQuery(Shape):
    """Whose data."""

    model_config = ConfigDict(extra="forbid")

    end_user: EndUser


class HoldsQuery(Shape):
    """Which holds."""

    model_config = ConfigDict(extra="forbid")

    tenant: Annotated[str, Field(max_length=400, pattern=r"^[^\x00]*$")] | None = None
    released: bool = False


async def list_retention(services: Services, tenant: Tenant, _request: Request) -> Response:
    """Answer with the tenant's rules."""
    found = await rules.show_rules(services.engine, tenant.id)
    return _list([rule_view(rule) for rule in found])


async def set_retention(services: Services, tenant: Tenant, request: Request) -> Response:
    """Make or change a rule."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(RetentionRequest, body)
    rule = await rules.keep_for(services.engine, tenant.id, wanted)
    return Response(encode(rule_view(rule)), 200, PRIVATE, _JSON)


async def remove_retention(services: Services, tenant: Tenant, request: Request) -> Response:
    """Take a rule away: 204."""
    query = read_query(RuleQuery, request)
    await rules.forget_rule(services.engine, tenant.id, query.lane, query.kind)
    return Response(None, 204)


async def erase_person(services: Services, tenant: Tenant, request: Request) -> Response:
    """Erase a person: 202, and no job of theirs opens any more; files are written anew soon."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(ErasureRequest, body)
    shown = await ask_for_erasure(
        services.engine, services.settings, tenant.id, wanted.end_user
    )
    return Response(encode(_erasure(shown)), 202, PRIVATE, _JSON)


async def show_one_erasure(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with how far an erasure is."""
    erasure_id = named_in_path(request, "erasure_id", "ers")
    shown = await show_erasure(services.engine, services.settings, tenant.id, erasure_id)
    return Response(encode(_erasure(shown)), 200, PRIVATE, _JSON)


async def list_all_erasures(services: Services, tenant: Tenant, _request: Request) -> Response:
    """Answer with the tenant's erasures, newest first."""
    found = await show_erasures(services.engine, services.settings, tenant.id)
    return _list([_erasure(shown) for shown in found])


async def export_own_person(services: Services, tenant: Tenant, request: Request) -> Response:
    """Stream all that there is of a person, one job a line."""
    query = read_query(ExportQuery, request)
    jobs = export_person(services.engine, tenant.id, query.end_user, services.public_url)
    # What cannot be read is told as an error, as long as nothing was answered.
    first = await anext(jobs, None)
    return StreamingResponse(_lines(first, jobs), 200, _NO_STORE, _NDJSON)


async def list_legal_holds(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with holds, newest first."""
    query = read_query(HoldsQuery, request)
    found = await holds.show_holds(services.engine, query.tenant, everything=query.released)
    return _list([hold_view(name, hold) for name, hold in found])


async def place_legal_hold(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Place a hold: 201 with it."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(HoldRequest, body)
    name, hold = await holds.place(services.engine, services.settings, wanted)
    return Response(encode(hold_view(name, hold)), 201, PRIVATE, _JSON)


async def release_legal_hold(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Release a hold: 204."""
    await holds.release(services.engine, named_in_path(request, "hold_id", "hold"))
    return Response(None, 204)


async def _lines(
    first: dict[str, Any] | None, jobs: AsyncGenerator[dict[str, Any]]
) -> AsyncIterator[bytes]:
    if first is not None:
        yield encode(first) + b"\n"
    async for job in jobs:
        yield encode(job) + b"\n"


def _erasure(shown: ErasureShown) -> dict[str, Any]:
    return erasure_view(shown.erasure, shown.holds, shown.evidence)


def _list(data: list[dict[str, Any]]) -> Response:
    return Response(encode({"object": "list", "data": data}), 200, PRIVATE, _JSON)
