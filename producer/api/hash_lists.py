"""The routes of block lists: a tenant's own, and those of the installation."""

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.hash_lists import EVERYBODY, HashEntry, HashList
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.services import Services
from producer.api.uploads import read_file, sends_file
from producer.api.verify import FORM, LARGEST
from producer.hash_lists import HashListKeeper, Imported, entries_in, entry_of
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.hash_list import (
    MAX_LINES,
    HashEntriesRequest,
    HashListRequest,
    list_view,
    parse_line,
    written_line,
)
from schemas.job import iso_ms
from schemas.policy_limits import Limits
from schemas.shape import Shape

ADMIN: Final = "/v1/admin/"
_JSON: Final = "application/json"


class EntriesQuery(Shape):
    """Which page of entries; ``after`` is the last line of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_LINES)] = 1_000
    after: Annotated[str, Field(max_length=200)] = ""


async def list_hash_lists(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with all of the owner's lists, by name."""
    found = await _keeper(services, tenant, request).lists()
    body = {"object": "list", "data": [_view(one) for one in found]}
    return Response(encode(body), 200, PRIVATE, _JSON)


async def create_hash_list(services: Services, tenant: Tenant, request: Request) -> Response:
    """Make a list: 201 with it."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    made = await _keeper(services, tenant, request).create(check(HashListRequest, body))
    place = f"{services.public_url}{request.scope['path']}/{made.name}"
    return Response(encode(_view(made)), 201, {**PRIVATE, "location": place}, _JSON)


async def show_hash_list(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one list."""
    found = await _keeper(services, tenant, request).get(_name(request))
    return Response(encode(_view(found)), 200, PRIVATE, _JSON)


async def delete_hash_list(services: Services, tenant: Tenant, request: Request) -> Response:
    """Delete a list: 204."""
    await _keeper(services, tenant, request).delete(_name(request))
    return Response(None, 204)


async def change_entries(services: Services, tenant: Tenant, request: Request) -> Response:
    """Put entries on a list, or take them off it."""
    if sends_file(request):
        data = await read_file(request, LARGEST + FORM)
        entries, remove = await entry_of(data, Limits()), False
    else:
        body: Any = await read_json(request, services.settings.max_bulk_bytes)
        wanted = check(HashEntriesRequest, body)
        entries, remove = entries_in(wanted.lines), wanted.remove
    keeper = _keeper(services, tenant, request)
    done = await keeper.change(_name(request), entries, remove=remove)
    return Response(encode(_done(done)), 200, PRIVATE, _JSON)


async def show_entries(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of a list's entries, as lines."""
    query = read_query(EntriesQuery, request)
    keeper = _keeper(services, tenant, request)
    # One more than wanted tells whether there is a next page.
    found = await keeper.page(_name(request), after=_after(query.after), limit=query.limit + 1)
    shown = found[: query.limit]
    lines = [written_line(one.algorithm, one.hash, one.note) for one in shown]
    last = written_line(shown[-1].algorithm, shown[-1].hash, None) if shown else ""
    more = len(found) > query.limit
    return page(services, request, lines, last if more else None)


def _keeper(services: Services, tenant: Tenant, request: Request) -> HashListKeeper:
    whole = request.scope["path"].startswith(ADMIN)
    return HashListKeeper(services.engine, EVERYBODY if whole else tenant.id)


def _name(request: Request) -> str:
    name = str(request.path_params["list"])
    if "\x00" in name:
        # PostgreSQL's text cannot hold it.
        raise NotFoundError("there is no hash list of this name: it contains U+0000")
    return name


def _after(line: str) -> HashEntry | None:
    try:
        entry = parse_line(line)
    except ValueError as error:
        fault = FieldError("/query/after", str(error))
        raise InputError("the query is not acceptable", fields=[fault]) from None
    return HashEntry(entry[0].value, entry[1]) if entry else None


def _done(done: Imported) -> dict[str, Any]:
    return {
        "object": "hash_list.import",
        "name": done.name,
        "added": done.added,
        "removed": done.removed,
        "known": done.known,
        "entries": done.entries,
    }


def _view(found: HashList) -> dict[str, Any]:
    return list_view(
        tenant_id=found.tenant_id,
        name=found.name,
        category=found.category,
        action=found.action,
        entries=found.entries,
        revision=found.revision,
        created_at=iso_ms(found.created_at),
    )
