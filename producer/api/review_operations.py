"""The routes of reviews, appeals and reports as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.appeals import list_appeals, make_appeal, report_job, show_appeal
from producer.api.document import JOB_ID, answer, parameter, problems
from producer.api.json_body import JSON_BODY
from producer.api.operations import Operation
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.reviews import (
    claim_next_review,
    claim_review,
    decide_review,
    list_some_reviews,
    release_review,
    send_review_picture,
    show_review,
    show_review_stats,
)
from producer.api.services import Services
from schemas.review import Origin
from schemas.scopes import KeyScope

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_TAG: Final = "safety"
_REVIEW_ID: Final = parameter(
    "path", "review_id", "The item's id, rev_…", pattern="^rev_[0-9a-z]{26}$"
)
_INDEX: Final = parameter(
    "path", "index", "Place among the pictures, from 0.", type="integer", minimum=0
)
_TENANT: Final = parameter(
    "query", "tenant", "Of this tenant only; for keys with the scope admin.", maxLength=128
)
_PAGING: Final = [
    parameter(
        "query",
        "limit",
        "How many.",
        type="integer",
        minimum=1,
        maximum=LARGEST_LIMIT,
        default=DEFAULT_LIMIT,
    ),
    parameter("query", "after", "The 'next' of the page before.", maxLength=40),
]
_VIEW: Final = {200: answer("The item.", "ReviewView")}
_QUERY: Final = problems(
    _400="A query parameter is wrong.", _404="There is no such tenant, or no such page."
)
_MISSING: Final = problems(_404="There is no such item that this key may see.")
_NOT_YOURS: Final = problems(
    _409="Another reviewer has it, somebody else has to decide, or it is decided."
)

LIST_REVIEWS: Final = Operation(
    name="list_reviews",
    path="/v1/reviews",
    summary="List what people decide",
    description="Newest first, without what was written: one's own tenant's, or, with the "
    "scope admin, everybody's.",
    tag=_TAG,
    scope=KeyScope.SAFETY_READ,
    parameters=[
        parameter(
            "query",
            "state",
            "Only these.",
            enum=["open", "decided", "timed_out", "withdrawn"],
        ),
        parameter("query", "category", "Only of this category.", maxLength=128),
        parameter("query", "origin", "Only of this origin.", enum=[o.value for o in Origin]),
        _TENANT,
        *_PAGING,
    ],
    answers={200: answer("One page of items.", "ReviewPage", headers=("Link",))} | _QUERY,
)
SHOW_REVIEW_STATS: Final = Operation(
    name="get_review_stats",
    path="/v1/reviews/stats",
    summary="Count what people decide",
    description="What waits, for how long, and what was decided in the last thirty days.",
    tag=_TAG,
    scope=KeyScope.SAFETY_READ,
    parameters=[_TENANT],
    answers={200: answer("The counts.", "ReviewStatsView")} | _QUERY,
)
SHOW_REVIEW: Final = Operation(
    name="get_review",
    path="/v1/reviews/{review_id}",
    summary="Look at an item",
    description="The verdict, its reasons, what others decided. With the scope review as well "
    "content: what was written and made; each such look is in the audit log.",
    tag=_TAG,
    scope=KeyScope.SAFETY_READ,
    parameters=[_REVIEW_ID],
    answers=_VIEW | _MISSING,
)
SEND_REVIEW_PICTURE: Final = Operation(
    name="get_review_picture",
    path="/v1/reviews/{review_id}/pictures/{index}",
    summary="Look at a picture that is to be decided about",
    description="Its bytes. Each look is in the audit log. Pictures of the category "
    "sexual_minors are shown to nobody.",
    tag=_TAG,
    scope=KeyScope.REVIEW,
    parameters=[_REVIEW_ID, _INDEX],
    answers={200: answer("The bytes.", None, media_type="image/*")}
    | _MISSING
    | problems(_409="Pictures of this category are shown to nobody."),
)
CLAIM_NEXT_REVIEW: Final = Operation(
    name="claim_next_review",
    method="POST",
    path="/v1/reviews/claim",
    summary="Claim the most urgent item",
    description="It is the caller's alone for ten minutes. What the caller holds already comes "
    "first. The body may be left out.",
    tag=_TAG,
    scope=KeyScope.REVIEW,
    body="ReviewChoice",
    body_required=False,
    answers=_VIEW | {204: {"description": "There is nothing to decide."}} | JSON_BODY,
)
CLAIM_REVIEW: Final = Operation(
    name="claim_review",
    method="POST",
    path="/v1/reviews/{review_id}/claim",
    summary="Claim an item",
    description="It is the caller's alone for ten minutes; claimed again, for ten more.",
    tag=_TAG,
    scope=KeyScope.REVIEW,
    parameters=[_REVIEW_ID],
    answers=_VIEW | _MISSING | _NOT_YOURS,
)
RELEASE_REVIEW: Final = Operation(
    name="release_review",
    method="POST",
    path="/v1/reviews/{review_id}/release",
    summary="Let an item go",
    description="Others may claim it at once.",
    tag=_TAG,
    scope=KeyScope.REVIEW,
    parameters=[_REVIEW_ID],
    answers=_VIEW | _MISSING | _NOT_YOURS,
)
DECIDE_REVIEW: Final = Operation(
    name="decide_review",
    method="POST",
    path="/v1/reviews/{review_id}/decide",
    summary="Decide an item",
    description="Of an item that one has claimed. A held prompt that is approved runs at "
    "its old place; a held output is handed out as it was made; what is rejected is blocked. "
    "Categories that two people decide wait for the second; if they differ, somebody with the "
    "scope review:lead settles it. An appeal that is approved is overturned: the job is done "
    "over once, as a new job.",
    tag=_TAG,
    scope=KeyScope.REVIEW,
    parameters=[_REVIEW_ID],
    body="ReviewDecision",
    answers=_VIEW | JSON_BODY | _MISSING | _NOT_YOURS,
)
LIST_APPEALS: Final = Operation(
    name="list_appeals",
    path="/v1/appeals",
    summary="List appeals",
    description="Newest first: one's own tenant's, or, with the scope admin, everybody's.",
    tag=_TAG,
    scope=KeyScope.SAFETY_READ,
    parameters=[
        parameter("query", "state", "Only these.", enum=["open", "upheld", "overturned"]),
        _TENANT,
        *_PAGING,
    ],
    answers={200: answer("One page of appeals.", "AppealPage", headers=("Link",))} | _QUERY,
)
SHOW_APPEAL: Final = Operation(
    name="get_appeal",
    path="/v1/jobs/{job_id}/appeal",
    summary="Look at the appeal of a job",
    description="Whether it is decided, and which job does it over.",
    tag=_TAG,
    parameters=[JOB_ID],
    answers={200: answer("The appeal.", "AppealView")}
    | problems(_404="There is no such job, or nobody has appealed it."),
)
MAKE_APPEAL: Final = Operation(
    name="appeal_job",
    method="POST",
    path="/v1/jobs/{job_id}/appeal",
    summary="Appeal a blocked job",
    description="Within fourteen days, once per job: asked again, the answer is the same "
    "appeal. Somebody decides who has not decided about the job before. Who listens to "
    "job.appeal_decided hears of it.",
    tag=_TAG,
    parameters=[JOB_ID],
    body="AppealRequest",
    answers={
        201: answer("The appeal.", "AppealView"),
        200: answer("The appeal that was made before.", "AppealView"),
    }
    | JSON_BODY
    | problems(
        _404="This tenant has no such job.",
        _409="The job was not blocked, or the time to appeal is over.",
    ),
)
REPORT_JOB: Final = Operation(
    name="report_job",
    method="POST",
    path="/v1/jobs/{job_id}/report",
    summary="Report a result",
    description="What a user says is wrong with it; people look at it. Of the reporter a "
    "pseudonym is kept.",
    tag=_TAG,
    parameters=[JOB_ID],
    body="ReportRequest",
    answers={201: answer("The report.", "ReportView")}
    | JSON_BODY
    | problems(_404="This tenant has no such job."),
)

REVIEW_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (LIST_REVIEWS, list_some_reviews),
    (SHOW_REVIEW_STATS, show_review_stats),
    (CLAIM_NEXT_REVIEW, claim_next_review),
    (SHOW_REVIEW, show_review),
    (SEND_REVIEW_PICTURE, send_review_picture),
    (CLAIM_REVIEW, claim_review),
    (RELEASE_REVIEW, release_review),
    (DECIDE_REVIEW, decide_review),
    (LIST_APPEALS, list_appeals),
    (SHOW_APPEAL, show_appeal),
    (MAKE_APPEAL, make_appeal),
    (REPORT_JOB, report_job),
)
