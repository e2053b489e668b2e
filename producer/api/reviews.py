"""The routes of reviews: the queue, claims, decisions, and what there is to see."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from infra.postgres.engine import transaction
from infra.postgres.review_decisions import decision_counts, open_counts
from infra.postgres.review_queue import Reviewer, ReviewFilter, ReviewItem, list_reviews
from infra.postgres.tenants import Tenant
from producer.api.auth import caller_of
from producer.api.bodies import check, encode, read_json
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from producer.operator.plans import find
from producer.reviews.appeals import Appeals
from producer.reviews.content import ReviewContents
from producer.reviews.desk import ReviewDesk
from producer.reviews.notes import ReviewNotes
from producer.reviews.reports import Reports
from producer.reviews.shown import review_view, stats_view
from schemas.errors import NotFoundError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.permission_errors import PermissionDeniedError
from schemas.review import Origin, ReviewChoice, ReviewDecision, ReviewState
from schemas.scopes import KeyScope
from schemas.shape import Shape

_JSON: Final = "application/json"
_SAFETY: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, no-store",
}

# PostgreSQL's text cannot hold U+0000.
Word = Annotated[str, Field(min_length=1, max_length=128, pattern="^[^\\x00]+$")]


class _OfTenant(Shape):
    """Whose items, for operators."""

    model_config = ConfigDict(extra="forbid")

    tenant: Word | None = None


class ReviewsQuery(_OfTenant):
    """Which items, and which page; ``after`` is the last item of the page before."""

    state: Literal["open", "decided", "timed_out", "withdrawn"] | None = None
    category: Word | None = None
    origin: Origin | None = None
    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: Annotated[str, Field(max_length=40)] | None = None


async def list_some_reviews(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of items, newest first."""
    query = read_query(ReviewsQuery, request)
    state = ReviewState[query.state.upper()] if query.state else None
    wanted = ReviewFilter(state, query.category, query.origin)
    whose = await reach_of(services, tenant, request, query.tenant)
    before = _id_of(query.after) if query.after else None
    async with transaction(services.engine) as connection:
        # One more than wanted tells whether there is a next page.
        found = await list_reviews(
            connection, whose, wanted, before=before, limit=query.limit + 1
        )
    shown = found[: query.limit]
    following = format_id("rev", shown[-1].id) if len(found) > query.limit else None
    notes = ReviewNotes(services.settings)
    return page(services, request, [review_view(item, notes) for item in shown], following)


async def show_review_stats(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with what waits, and what was decided."""
    query = read_query(_OfTenant, request)
    whose = await reach_of(services, tenant, request, query.tenant)
    async with transaction(services.engine) as connection:
        waiting = await open_counts(connection, whose)
        decided = await decision_counts(connection, whose)
    return Response(encode(stats_view(waiting, decided)), 200, PRIVATE, _JSON)


async def show_review(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one item; with what was written and made, if the key may see it."""
    item = await desk_of(services).get(reviewer_of(tenant, request), _item_id(request))
    if KeyScope.REVIEW not in caller_of(request).scopes:
        return _answer(review_view(item, ReviewNotes(services.settings)))
    return await _with_content(services, item)


async def claim_next_review(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the most urgent item, claimed; 204 if there is none."""
    wanted = check(ReviewChoice, await _body(services, request))
    reviewer = reviewer_of(tenant, request)
    choice = ReviewFilter(ReviewState.OPEN, wanted.category, wanted.origin)
    item = await desk_of(services).claim_next(reviewer, choice)
    if item is None:
        return Response(None, 204, PRIVATE)
    return await _with_content(services, item)


async def claim_review(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the item, which is the caller's for ten minutes."""
    item = await desk_of(services).claim(reviewer_of(tenant, request), _item_id(request))
    return await _with_content(services, item)


async def release_review(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the item, which is free for others."""
    item = await desk_of(services).release(reviewer_of(tenant, request), _item_id(request))
    return _answer(review_view(item, ReviewNotes(services.settings)))


async def decide_review(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the item, decided, or in need of another person."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    said = check(ReviewDecision, body)
    reviewer = reviewer_of(tenant, request)
    item = await desk_of(services).decide(reviewer, _item_id(request), said)
    return _answer(review_view(item, ReviewNotes(services.settings)))


async def send_review_picture(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the bytes of a picture that is to be decided about."""
    shown: str = request.path_params["index"]
    index = int(shown) if shown.isascii() and shown.isdecimal() and len(shown) < 6 else -1  # noqa: PLR2004 - no job has a million pictures
    item = await desk_of(services).get(reviewer_of(tenant, request), _item_id(request))
    picture = await contents_of(services).picture(item, index)
    stored = await services.store.get(picture.key)
    name = f"{format_id('rev', item.id)}-{index}{PurePosixPath(picture.key).suffix}"
    headers = {
        **_SAFETY,
        "content-length": str(stored.size),
        "content-disposition": f'inline; filename="{name}"',
    }
    return StreamingResponse(stored.data, 200, headers, picture.content_type)


def appeals_of(services: Services) -> Appeals:
    """Return what takes in and settles the appeals of this process's callers."""
    return Appeals(
        services.engine,
        services.settings,
        services.doorbells,
        services.clock,
        services.moderation.policies,
    )


def desk_of(services: Services) -> ReviewDesk:
    """Return where the reviewers among this process's callers decide."""
    return ReviewDesk(
        services.engine,
        services.settings,
        services.store,
        services.doorbells,
        appeals_of(services),
    )


def contents_of(services: Services) -> ReviewContents:
    """Return what opens sealed content for them."""
    reports = Reports(services.engine, services.settings)
    return ReviewContents(services.engine, services.settings, appeals_of(services), reports)


def reviewer_of(tenant: Tenant, request: Request) -> Reviewer:
    """Return who decides: an operator about everybody's items, others about their own."""
    caller = caller_of(request)
    operator = KeyScope.ADMIN in caller.scopes
    lead = operator or KeyScope.REVIEW_LEAD in caller.scopes
    return Reviewer(caller.actor, None if operator else tenant.id, lead)


async def reach_of(
    services: Services, tenant: Tenant, request: Request, named: str | None
) -> int | None:
    """Return whose items are meant; ``None``: everybody's.

    Raises:
        PermissionDeniedError: Another tenant's, and the caller is no operator.
        NotFoundError: An operator names a tenant that there is not.
    """
    if KeyScope.ADMIN not in caller_of(request).scopes:
        if named is not None and named != tenant.name:
            raise PermissionDeniedError(
                "other tenants' items are for operators: leave the parameter tenant out, or "
                "use a key with the scope admin"
            )
        return tenant.id
    if named is None:
        return None
    async with transaction(services.engine) as connection:
        return (await find(connection, named)).id


async def _with_content(services: Services, item: ReviewItem) -> Response:
    content = await contents_of(services).look(item)
    return _answer(review_view(item, ReviewNotes(services.settings), content))


async def _body(services: Services, request: Request) -> Any:
    """Return the body; nothing at all is an empty object."""
    headers = request.headers
    if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
        return {}
    return await read_json(request, services.settings.max_body_bytes)


def _item_id(request: Request) -> UUID:
    return _id_of(request.path_params["review_id"])


def _id_of(shown: str) -> UUID:
    try:
        return parse_id("rev", shown)
    except InvalidIdError as error:
        raise NotFoundError(f"there is no review {shown[:64]}; of its id: {error}") from None


def _answer(view: dict[str, Any]) -> Response:
    return Response(encode(view), 200, PRIVATE, _JSON)
