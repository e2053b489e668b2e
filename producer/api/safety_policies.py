"""The routes of safety policies: a tenant's own, any tenant's, and the installation's."""

from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.policies import StoredPolicy
from infra.postgres.tenants import Tenant
from infra.safety.policy_file import LARGEST
from infra.subjects import subject_of
from producer.api.bodies import check, encode, read_body, read_json
from producer.api.keys import named_tenant
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from producer.operator.plans import find
from producer.safety.owner import WHOLE, PolicyOwner
from producer.safety.policies import PolicyBook
from producer.safety.policy_shown import policy_view
from producer.safety.sanctions import lift, sanctions_of
from producer.safety.simulation import Simulator
from schemas.errors import InputError, NotFoundError
from schemas.policy_views import effective_view
from schemas.sanction_views import LiftRequest
from schemas.shape import Shape
from schemas.simulation import SimulationRequest
from schemas.tenant_plan import SafetyLevel

_JSON: Final = "application/json"
_YAML: Final = frozenset({"application/yaml", "application/x-yaml", "text/yaml"})
_LARGEST_VERSION: Final = 2_000_000_000


class PoliciesQuery(Shape):
    """Which page; ``after`` is the last version of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: Annotated[int, Field(ge=1, le=_LARGEST_VERSION)] | None = None


async def list_policies(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of versions, newest first."""
    query = read_query(PoliciesQuery, request)
    _, book = await _book(services, tenant, request)
    # One more than wanted tells whether there is a next page.
    found = await book.page(before=query.after, limit=query.limit + 1)
    shown = found[: query.limit]
    following = str(shown[-1].version) if len(found) > query.limit else None
    return page(services, request, [policy_view(one) for one in shown], following)


async def create_policy(services: Services, tenant: Tenant, request: Request) -> Response:
    """Store a version: 201 with it; nothing goes by it yet."""
    written = await _document(services, request)
    owner, book = await _book(services, tenant, request)
    made = await book.create(written)
    place = f"{services.public_url}{_path(request, owner)}/{made.version}"
    headers = {**PRIVATE, "location": place}
    return Response(encode(policy_view(made)), 201, headers, _JSON)


async def show_policy(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one version."""
    version = _version(request)
    _, book = await _book(services, tenant, request)
    return _answer(await book.get(version))


async def approve_policy(services: Services, tenant: Tenant, request: Request) -> Response:
    """Say, as a second person, that a version may count."""
    version = _version(request)
    _, book = await _book(services, tenant, request)
    return _answer(await book.approve(version))


async def activate_policy(services: Services, tenant: Tenant, request: Request) -> Response:
    """Let a version count."""
    version = _version(request)
    _, book = await _book(services, tenant, request)
    return _answer(await book.activate(version))


async def show_effective_policy(
    services: Services, tenant: Tenant, request: Request
) -> Response:
    """Answer with what counts in the end."""
    _, book = await _book(services, tenant, request)
    return Response(encode(effective_view(await book.effective())), 200, PRIVATE, _JSON)


async def simulate_policy(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with what a policy would have changed."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(SimulationRequest, body)
    owner, book = await _book(services, tenant, request)
    if (wanted.document is None) == (wanted.version is None):
        raise InputError("name either a document or a version")
    written: Any = wanted.document
    if wanted.version is not None:
        written = (await book.get(wanted.version)).document
    simulator = Simulator(services.engine, services.clock, owner)
    document = await book.check(written)
    async with services.searches.place(tenant.id):
        found = await simulator.run(document, since=wanted.since, limit=wanted.limit)
    return Response(encode(found.view()), 200, PRIVATE, _JSON)


async def list_sanctions(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with everybody who is sanctioned."""
    owner = await _owner(services, tenant, request)
    found = await sanctions_of(services.engine, owner)
    body = {"object": "list", "data": [one.view() for one in found]}
    return Response(encode(body), 200, PRIVATE, _JSON)


async def lift_sanction(services: Services, tenant: Tenant, request: Request) -> Response:
    """Let one person's strikes count no more."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(LiftRequest, body)
    owner = await _owner(services, tenant, request)
    if wanted.subject is not None:
        subject = bytes.fromhex(wanted.subject)
    else:
        subject = subject_of(services.settings, owner.tenant_id, wanted.end_user)
    lifted = await lift(whole_transactions(services.engine), owner, subject)
    view = {"object": "safety_lift", "subject": subject.hex(), "lifted": lifted}
    return Response(encode(view), 200, PRIVATE, _JSON)


async def _book(
    services: Services, tenant: Tenant, request: Request
) -> tuple[PolicyOwner, PolicyBook]:
    owner = await _owner(services, tenant, request)
    alone = services.settings.safety_single_operator
    return owner, PolicyBook(whole_transactions(services.engine), owner, alone=alone)


async def _owner(services: Services, tenant: Tenant, request: Request) -> PolicyOwner:
    if "tenant" in request.path_params:
        async with transaction(services.engine) as connection:
            plan = await find(connection, named_tenant(request))
        return PolicyOwner(plan.id, plan.name, plan.safety_level)
    if request.scope["path"].startswith("/v1/admin/"):
        return WHOLE
    return PolicyOwner(tenant.id, tenant.name, SafetyLevel(tenant.safety_level))


async def _document(services: Services, request: Request) -> object:
    """Return the body: parsed JSON, or YAML as text."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in _YAML:
        return await read_json(request, min(LARGEST, services.settings.max_body_bytes))
    body = await read_body(request, min(LARGEST, services.settings.max_body_bytes))
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise InputError("the body is not UTF-8") from None
    if "\x00" in text:
        raise InputError("the body contains U+0000")
    return text


def _version(request: Request) -> int:
    shown: str = request.path_params["version"]
    if not shown.isascii() or not shown.isdecimal() or not 0 < int(shown) <= _LARGEST_VERSION:
        raise NotFoundError(f"there is no version {shown[:20]} of this policy")
    return int(shown)


def _path(request: Request, owner: PolicyOwner) -> str:
    if "tenant" in request.path_params:
        return f"/v1/admin/tenants/{quote(owner.name, safe='')}/safety/policies"
    return "/v1/admin/safety/policies" if owner.is_installation else "/v1/safety/policies"


def _answer(policy: StoredPolicy) -> Response:
    return Response(encode(policy_view(policy)), 200, PRIVATE, _JSON)
