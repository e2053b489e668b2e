"""The routes of people's data as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.document import answer, parameter, problems
from producer.api.json_body import JSON_BODY
from producer.api.operations import Operation
from producer.api.privacy import (
    erase_person,
    export_own_person,
    list_all_erasures,
    list_legal_holds,
    list_retention,
    place_legal_hold,
    release_legal_hold,
    remove_retention,
    set_retention,
    show_one_erasure,
)
from producer.api.services import Services
from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.scopes import KeyScope

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_RETENTION: Final = "/v1/privacy/retention"
_ERASURES: Final = "/v1/privacy/erasures"
_HOLDS: Final = "/v1/admin/legal_holds"
_TAG: Final = "privacy"
_QUERY: Final = problems(_400="A query parameter is wrong.")

PRIVACY_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (
        Operation(
            name="list_retention",
            path=_RETENTION,
            summary="How long content is kept",
            description="The tenant's rules. The most particular one counts, first by lane, "
            "then by kind; without one content goes with its job.",
            tag=_TAG,
            scope=KeyScope.PRIVACY,
            answers={200: answer("The rules.", "RetentionRuleList")},
        ),
        list_retention,
    ),
    (
        Operation(
            name="set_retention",
            method="PUT",
            path=_RETENTION,
            summary="Set how long content is kept",
            description="In hours after a job's end, for prompts and for results; for one lane "
            "or kind, or for all. 0: it goes as soon as all deliveries have ended. Holds for "
            "jobs that have ended already, too.",
            tag=_TAG,
            scope=KeyScope.PRIVACY,
            body="RetentionRequest",
            answers={200: answer("The rule.", "RetentionRuleView")} | JSON_BODY,
        ),
        set_retention,
    ),
    (
        Operation(
            name="remove_retention",
            method="DELETE",
            path=_RETENTION,
            summary="Take a retention rule away",
            description="The one of exactly this lane and kind; without them, of all.",
            tag=_TAG,
            scope=KeyScope.PRIVACY,
            parameters=[
                parameter("query", "lane", "Of this lane.", enum=list(Lane)),
                parameter("query", "kind", "Of this kind.", enum=list(Kind)),
            ],
            answers={204: {"description": "It is gone."}}
            | _QUERY
            | problems(_404="There is no such rule."),
        ),
        remove_retention,
    ),
    (
        Operation(
            name="erase_person",
            method="POST",
            path=_ERASURES,
            summary="Erase a person",
            description="From the answer on no job of this end_user opens. Their unfinished "
            "jobs are cancelled, and what was stored is deleted, artifacts included; files of "
            "batches are written anew without their lines, and listed, before it is done. What "
            "a legal hold keeps stays, and is listed.",
            tag=_TAG,
            scope=KeyScope.PRIVACY,
            body="ErasureRequest",
            answers={202: answer("The erasure.", "ErasureView")}
            | JSON_BODY
            | problems(_409="A legal hold keeps all of the person."),
        ),
        erase_person,
    ),
    (
        Operation(
            name="list_erasures",
            path=_ERASURES,
            summary="List erasures",
            description="The newest hundred. People are named by pseudonyms.",
            tag=_TAG,
            scope=KeyScope.PRIVACY,
            answers={200: answer("The erasures.", "ErasureList")},
        ),
        list_all_erasures,
    ),
    (
        Operation(
            name="get_erasure",
            path=f"{_ERASURES}/{{erasure_id}}",
            summary="Look at an erasure",
            description="How far it is, what was deleted, and what stays.",
            tag=_TAG,
            scope=KeyScope.PRIVACY,
            parameters=[
                parameter(
                    "path",
                    "erasure_id",
                    "The erasure's id, ers_…",
                    pattern="^ers_[0-9a-z]{26}$",
                )
            ],
            answers={200: answer("The erasure.", "ErasureView")}
            | problems(_404="There is no such erasure."),
        ),
        show_one_erasure,
    ),
    (
        Operation(
            name="export_person",
            path="/v1/privacy/export",
            summary="Export a person's data",
            description="Every job that names this end_user, oldest first, one a line: inputs, "
            "outputs, links to artifacts, verdicts; of jobs that a chat asked for, the message "
            "that shows them (`chat`). What binds the person in chats comes last "
            "(`chat_binding` objects). Nothing after an erasure.",
            tag=_TAG,
            scope=KeyScope.PRIVACY,
            parameters=[
                parameter("query", "end_user", "As jobs name them.", maxLength=128)
                | {"required": True}
            ],
            answers={200: answer("The jobs.", "JobView", media_type="application/x-ndjson")}
            | _QUERY,
        ),
        export_own_person,
    ),
    (
        Operation(
            name="list_legal_holds",
            path=_HOLDS,
            summary="List legal holds",
            description="Newest first; those that were released only on request.",
            tag="admin",
            scope=KeyScope.ADMIN,
            parameters=[
                parameter("query", "tenant", "Of this tenant alone.", maxLength=400),
                parameter("query", "released", "With released ones.", type="boolean"),
            ],
            answers={200: answer("The holds.", "LegalHoldList")}
            | _QUERY
            | problems(_404="There is no such tenant."),
        ),
        list_legal_holds,
    ),
    (
        Operation(
            name="place_legal_hold",
            method="POST",
            path=_HOLDS,
            summary="Place a legal hold",
            description="On a person's content, a job's, or all of a tenant's: neither "
            "retention nor an erasure takes it until the hold is released.",
            tag="admin",
            scope=KeyScope.ADMIN,
            body="HoldRequest",
            answers={201: answer("The hold.", "LegalHoldView")}
            | JSON_BODY
            | problems(_404="There is no such tenant, or it has no such job."),
        ),
        place_legal_hold,
    ),
    (
        Operation(
            name="release_legal_hold",
            method="DELETE",
            path=f"{_HOLDS}/{{hold_id}}",
            summary="Release a legal hold",
            description="What it kept goes as it would have gone without it.",
            tag="admin",
            scope=KeyScope.ADMIN,
            parameters=[
                parameter(
                    "path", "hold_id", "The hold's id, hold_…", pattern="^hold_[0-9a-z]{26}$"
                )
            ],
            answers={204: {"description": "It is released."}}
            | problems(_404="There is no such hold in force."),
        ),
        release_legal_hold,
    ),
)
