"""Listings by key of whatever is not a job: the query, checked, and one page as an answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from producer.api.bodies import encode, field_errors
from producer.api.services import Services
from schemas.errors import FieldError, InputError

PRIVATE: Final = {"cache-control": "private, no-cache"}

_Query = TypeVar("_Query", bound=BaseModel)


def read_query(shape: type[_Query], request: Request) -> _Query:
    """Return the query parameters as ``shape``.

    Raises:
        InputError: They do not fit; every fault is named.
    """
    try:
        return shape.model_validate(dict(request.query_params))
    except ValidationError as error:
        faults = [
            FieldError(f"/query{fault.pointer}", fault.message.replace("field", "parameter"))
            for fault in field_errors(error, shape)
        ]
        raise InputError("the query is not acceptable", fields=faults) from None


def next_link(services: Services, request: Request, following: str) -> str:
    """Return the ``Link`` header that leads from a page to the next one (RFC 8288)."""
    given = request.query_params.multi_items()
    asked = [*(pair for pair in given if pair[0] != "after"), ("after", following)]
    link = f"{services.public_url}{quote(request.scope['path'])}?{urlencode(asked)}"
    return f'<{link}>; rel="next"'


def page(
    services: Services,
    request: Request,
    data: Sequence[Mapping[str, Any]] | Sequence[str],
    following: str | None,
) -> Response:
    """Answer with one page; ``following`` is the cursor of the next one, if there is one."""
    headers = dict(PRIVATE)
    if following is not None:
        headers["link"] = next_link(services, request, following)
    body = {
        "object": "list",
        "data": data,
        "has_more": following is not None,
        "next": following,
    }
    return Response(encode(body), 200, headers, "application/json")
