"""The routes of safety policies as the OpenAPI document tells of them, once for each owner."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.document import answer, parameter, problems
from producer.api.json_body import JSON_BODY
from producer.api.key_operations import TENANT
from producer.api.operations import Answers, Operation
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.safety_policies import (
    activate_policy,
    approve_policy,
    create_policy,
    lift_sanction,
    list_policies,
    list_sanctions,
    show_effective_policy,
    show_policy,
    simulate_policy,
)
from producer.api.services import Services
from schemas.scopes import KeyScope

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_VERSION: Final = parameter(
    "path", "version", "The version's number.", pattern="^[1-9][0-9]{0,9}$"
)
_PAGING: Final = [
    parameter(
        "query",
        "limit",
        "How many versions.",
        type="integer",
        minimum=1,
        maximum=LARGEST_LIMIT,
        default=DEFAULT_LIMIT,
    ),
    parameter("query", "after", "The 'next' of the page before.", maxLength=10),
]
_QUERY: Final = problems(_400="A query parameter is wrong.")
_REFUSED: Final = problems(
    _422="The policy is refused: errors[] names each fault by its JSON pointer.",
)
_VIEW: Final = {200: answer("The version.", "PolicyView")}


@dataclass(frozen=True, slots=True)
class _Door:
    """Where policies are reached: one's own, those of a named tenant, the installation's."""

    name: str
    path: str
    whose: str
    reads: KeyScope
    writes: KeyScope
    tag: str
    parameters: tuple[dict[str, Any], ...] = ()

    @property
    def _missing(self) -> dict[int | str, dict[str, Any]]:
        return problems(_404="There is no such tenant.") if self.parameters else {}

    def routes(self) -> Iterator[tuple[Operation, _Route]]:
        yield self._list(), list_policies
        yield self._create(), create_policy
        yield self._show(), show_policy
        yield self._approve(), approve_policy
        yield self._activate(), activate_policy
        yield self._effective(), show_effective_policy
        yield self._simulate(), simulate_policy

    def _list(self) -> Operation:
        return Operation(
            name=f"list_{self.name}_policies",
            path=f"{self.path}/policies",
            summary="List safety policies",
            description=f"Versions of {self.whose}, newest first. One of them is active.",
            tag=self.tag,
            scope=self.reads,
            parameters=[*self.parameters, *_PAGING],
            answers={200: answer("One page of versions.", "PolicyPage", headers=("Link",))}
            | _QUERY
            | self._missing,
        )

    def _create(self) -> Operation:
        return Operation(
            name=f"create_{self.name}_policy",
            method="POST",
            path=f"{self.path}/policies",
            summary="Write a version of a safety policy",
            description=f"A new version of {self.whose}; nothing goes by it until it is "
            "activated. The body may be YAML, as application/yaml.",
            tag=self.tag,
            scope=self.writes,
            parameters=[*self.parameters],
            body="PolicyDocument",
            answers={201: answer("The version.", "PolicyView", headers=("Location",))}
            | JSON_BODY
            | _REFUSED
            | self._missing,
        )

    def _show(self) -> Operation:
        return Operation(
            name=f"get_{self.name}_policy",
            path=f"{self.path}/policies/{{version}}",
            summary="Look at a version of a safety policy",
            description="What it says, who wrote it, who approved it, and whether it counts.",
            tag=self.tag,
            scope=self.reads,
            parameters=[*self.parameters, _VERSION],
            answers=_VIEW | problems(_404="There is no such version."),
        )

    def _approve(self) -> Operation:
        return Operation(
            name=f"approve_{self.name}_policy",
            method="POST",
            path=f"{self.path}/policies/{{version}}/approve",
            summary="Approve a version of a safety policy",
            description="As a second person: not with the key that wrote it. Versions that "
            "change levels or floors count only after that.",
            tag=self.tag,
            scope=self.writes,
            parameters=[*self.parameters, _VERSION],
            answers=_VIEW
            | problems(
                _404="There is no such version.", _409="The key that asks has written it."
            ),
        )

    def _activate(self) -> Operation:
        return Operation(
            name=f"activate_{self.name}_policy",
            method="POST",
            path=f"{self.path}/policies/{{version}}/activate",
            summary="Activate a version of a safety policy",
            description="It takes the place of the one that counts, everywhere within two "
            "seconds. An older version may be activated again.",
            tag=self.tag,
            scope=self.writes,
            parameters=[*self.parameters, _VERSION],
            answers=_VIEW
            | _REFUSED
            | problems(
                _404="There is no such version.",
                _409="It changes levels or floors, and nobody else has approved it.",
            ),
        )

    def _effective(self) -> Operation:
        return Operation(
            name=f"get_effective_{self.name}_policy",
            path=f"{self.path}/policy",
            summary="Look at what counts",
            description=f"What decides in the end for {self.whose}: every threshold, resolved.",
            tag=self.tag,
            scope=self.reads,
            parameters=[*self.parameters],
            answers={200: answer("What counts.", "EffectivePolicyView")} | self._missing,
        )

    def _simulate(self) -> Operation:
        return Operation(
            name=f"simulate_{self.name}_policy",
            method="POST",
            path=f"{self.path}/simulate",
            summary="Try a safety policy on the past",
            description="Decides anew on the scores of jobs of late: how many verdicts would "
            "change, from what to what, and which jobs. Nothing is changed.",
            tag=self.tag,
            scope=self.reads,
            parameters=[*self.parameters],
            body="SimulationRequest",
            answers={200: answer("What would change.", "SimulationView")}
            | JSON_BODY
            | _REFUSED
            | problems(_404="There is no such tenant, or no such version."),
        )


_OWN: Final = _Door(
    name="own",
    path="/v1/safety",
    whose="the tenant's own policy, which follows the installation's",
    reads=KeyScope.SAFETY_READ,
    writes=KeyScope.SAFETY_WRITE,
    tag="safety",
)
_ANY: Final = _Door(
    name="tenant",
    path="/v1/admin/tenants/{tenant}/safety",
    whose="a tenant's policy",
    reads=KeyScope.ADMIN,
    writes=KeyScope.ADMIN,
    tag="admin",
    parameters=(TENANT,),
)
_ALL: Final = _Door(
    name="installation",
    path="/v1/admin/safety",
    whose="the installation's policy, which all tenants follow",
    reads=KeyScope.ADMIN,
    writes=KeyScope.ADMIN,
    tag="admin",
)
_SANCTIONS: Final[Answers] = {200: answer("Everybody who is sanctioned now.", "SanctionList")}
LIST_OWN_SANCTIONS: Final = Operation(
    name="list_own_sanctions",
    path="/v1/safety/sanctions",
    summary="List sanctioned end users",
    description="Who was blocked so often of late that it has consequences, by pseudonym.",
    tag="safety",
    scope=KeyScope.SAFETY_READ,
    answers=_SANCTIONS,
)
LIST_TENANT_SANCTIONS: Final = Operation(
    name="list_tenant_sanctions",
    path="/v1/admin/tenants/{tenant}/safety/sanctions",
    summary="List a tenant's sanctioned end users",
    description="Who was blocked so often of late that it has consequences, by pseudonym.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    answers=_SANCTIONS | problems(_404="There is no such tenant."),
)
LIFT_SANCTION: Final = Operation(
    name="lift_sanction",
    method="POST",
    path="/v1/admin/tenants/{tenant}/safety/sanctions/lift",
    summary="Lift an end user's sanctions",
    description="Strikes until now count no more, everywhere within two seconds.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    body="LiftRequest",
    answers={200: answer("It is done.", "LiftView")}
    | JSON_BODY
    | problems(_404="There is no such tenant."),
)

SAFETY_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    *(route for door in (_OWN, _ANY, _ALL) for route in door.routes()),
    (LIST_OWN_SANCTIONS, list_sanctions),
    (LIST_TENANT_SANCTIONS, list_sanctions),
    (LIFT_SANCTION, lift_sanction),
)
