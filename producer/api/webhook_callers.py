"""For whom a webhook route answers: a tenant, or whoever holds a link to one endpoint of it."""

from uuid import UUID

from starlette.requests import Request

from producer.api.auth import caller_of
from schemas.errors import NotFoundError
from schemas.ids import InvalidIdError, Prefix, parse_id
from schemas.permission_errors import PermissionDeniedError

_THINGS = {
    "whd": "webhook delivery",
    "whe": "webhook endpoint",
    "whr": "recovery",
    "evt": "event",
}


def only_endpoint(request: Request) -> UUID | None:
    """Return the one endpoint that the caller may speak for; ``None``: all of the tenant."""
    endpoint_id: UUID | None = getattr(caller_of(request), "endpoint_id", None)
    return endpoint_id


def require_whole_tenant(request: Request) -> None:
    """Let nobody pass who may speak for one endpoint alone.

    Raises:
        PermissionDeniedError: The caller holds a portal link.
    """
    if only_endpoint(request) is not None:
        raise PermissionDeniedError("a portal link does not allow this; use an API key")


def require_endpoint(request: Request, endpoint_id: UUID | None) -> UUID | None:
    """Return the endpoint whose things may be shown; ``None``: those of all.

    Raises:
        PermissionDeniedError: The caller may speak for another endpoint alone.
    """
    only = only_endpoint(request)
    if only is not None and endpoint_id not in {None, only}:
        raise PermissionDeniedError("this portal link is for another endpoint")
    return only or endpoint_id


def named_in_path(request: Request, name: str, prefix: Prefix) -> UUID:
    """Return the key of the id that the path names.

    Raises:
        NotFoundError: It is no such id.
    """
    shown: str = request.path_params[name]
    try:
        return parse_id(prefix, shown)
    except InvalidIdError as error:
        thing = _THINGS[prefix]
        raise NotFoundError(
            f"there is no {thing} {shown[:64]}; of the id of a {thing}: {error}"
        ) from None
