"""The routes of dead letters: list them, group them by cause, look at one, send them again."""

from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from pydantic import Field, ValidationError, field_validator
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.dead_letters import (
    MOST_COUNTED,
    get_dead_letter,
    group_dead_letters,
    list_dead_letters,
)
from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, field_errors, read_json
from producer.api.jobs import find_job
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from producer.dead_letters import Redriven, Redriver
from schemas.dead_letter import DeadLetterFilter, RedriveRequest
from schemas.dead_letter_views import dead_letter_detail_view, dead_letter_view, group_view
from schemas.errors import FieldError, InputError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.job import iso_ms
from schemas.job_states import status_of
from schemas.queue_errors import NotDeadError

_JSON: Final = "application/json"
_PRIVATE: Final = {"cache-control": "private, no-cache"}

_Query = TypeVar("_Query", bound=DeadLetterFilter)


class DeadLetterQuery(DeadLetterFilter):
    """What ``GET /v1/dead_letters`` understands; ``after`` is the 'next' of the page before."""

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: str | None = None

    @field_validator("after", mode="after")
    @classmethod
    def _cursor(cls, value: str | None) -> str | None:
        try:
            return None if value is None else format_id("job", parse_id("job", value))
        except InvalidIdError:
            raise ValueError("must be the 'next' of the page before") from None


async def list_some_dead_letters(
    services: Services, tenant: Tenant, request: Request
) -> Response:
    """Answer with one page of the tenant's dead letters, newest job first."""
    query = _read_query(DeadLetterQuery, request.query_params)
    async with transaction(services.engine) as connection:
        # One more than wanted tells whether there is a next page.
        found = await list_dead_letters(
            connection,
            tenant.id,
            query,
            limit=query.limit + 1,
            before=parse_id("job", query.after) if query.after else None,
        )
    letters = found[: query.limit]
    following = format_id("job", letters[-1].id) if len(found) > query.limit else None
    headers = dict(_PRIVATE)
    if following is not None:
        asked = query.model_copy(update={"after": following})
        given = asked.model_dump(mode="json", exclude_none=True)
        link = f"{services.public_url}/v1/dead_letters?{urlencode(given)}"
        headers["link"] = f'<{link}>; rel="next"'
    body = {
        "object": "list",
        "data": [dead_letter_view(letter) for letter in letters],
        "has_more": following is not None,
        "next": following,
    }
    return Response(encode(body), 200, headers, _JSON)


async def group_all_dead_letters(
    services: Services, tenant: Tenant, request: Request
) -> Response:
    """Answer with the tenant's dead letters by cause, the largest group first."""
    query = _read_query(DeadLetterFilter, request.query_params)
    async with transaction(services.engine) as connection:
        groups = await group_dead_letters(connection, tenant.id, query)
    counted = sum(group.count for group in groups)
    body = {
        "object": "list",
        "data": [group_view(group) for group in groups],
        "counted": counted,
        "complete": counted < MOST_COUNTED,
    }
    return Response(encode(body), 200, _PRIVATE, _JSON)


async def show_dead_letter(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one dead letter: what was asked for and how each attempt ended."""
    job = await find_job(services, tenant, request)
    async with transaction(services.engine) as connection:
        letter = await get_dead_letter(connection, tenant.id, job.id)
    if letter is None:
        shown = format_id("job", job.id)
        raise NotDeadError(f"{shown} is {status_of(job.state).value}, not a dead letter")
    return Response(encode(dead_letter_detail_view(letter)), 200, _PRIVATE, _JSON)


async def redrive_dead_letters(
    services: Services, tenant: Tenant, request: Request
) -> Response:
    """Send one dead job, or all that fit a filter, again; each of them once, ever."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(RedriveRequest, body)
    redriver = Redriver(
        services.engine,
        services.submitter,
        services.doorbells,
        idempotency_ttl=services.settings.idempotency_ttl,
    )
    before = wanted.submitted_before or services.clock.now()
    if wanted.job_id is not None:
        job_id = parse_id("job", wanted.job_id)
        done = await redriver.redrive_one(tenant, job_id, wanted.edits, dry_run=wanted.dry_run)
    else:
        done = await redriver.redrive_matching(
            tenant,
            wanted.filter or DeadLetterFilter(),
            wanted.edits,
            submitted_before=before,
            limit=wanted.limit,
            dry_run=wanted.dry_run,
        )
    answer = _redrive_view(done, dry_run=wanted.dry_run) | {"submitted_before": iso_ms(before)}
    return Response(encode(answer), 200, None, _JSON)


def _redrive_view(done: Redriven, *, dry_run: bool) -> dict[str, Any]:
    return {
        "object": "redrive",
        "dry_run": dry_run,
        "matching": done.matching,
        "redriven": done.made,
        "already": done.already,
        "has_more": done.has_more,
        "jobs": [{"dead": _shown(dead), "job": _shown(job)} for dead, job in done.pairs],
    }


def _shown(job_id: UUID | None) -> str | None:
    return None if job_id is None else format_id("job", job_id)


def _read_query(shape: type[_Query], query: QueryParams) -> _Query:
    try:
        return shape.model_validate(dict(query))
    except ValidationError as error:
        faults = [
            FieldError(f"/query{fault.pointer}", fault.message.replace("field", "parameter"))
            for fault in field_errors(error, shape)
        ]
        raise InputError("the query is not acceptable", fields=faults) from None
