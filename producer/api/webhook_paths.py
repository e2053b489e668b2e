"""What the paths of webhook routes name."""

from typing import Final
from uuid import UUID

from starlette.requests import Request

from schemas.errors import NotFoundError
from schemas.ids import InvalidIdError, Prefix, parse_id

_ENDPOINT: Final = "endpoint_id"
_THINGS: Final[dict[str, str]] = {
    "whd": "webhook delivery",
    "whe": "webhook endpoint",
    "whr": "recovery",
    "evt": "event",
    "ers": "erasure",
    "hold": "legal hold",
}


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


def endpoint_in_path(request: Request) -> UUID | None:
    """Return the endpoint that the path names, if it names one.

    Raises:
        NotFoundError: It is no such id.
    """
    named = _ENDPOINT in request.path_params
    return named_in_path(request, _ENDPOINT, "whe") if named else None
