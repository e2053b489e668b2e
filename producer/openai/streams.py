"""The endpoints that can answer piece by piece, and by what: ``stream: true``."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.services import Services
from producer.openai.endpoint import Endpoint
from producer.openai.stream_answer import streamed_answer
from producer.openai.stream_chunks import SHAPES
from schemas.errors import FieldError, InputError
from schemas.facade_errors import UnsupportedParameterError

StreamedAnswer = Callable[
    [Services, Tenant, Request, Endpoint, Mapping[str, Any]], Awaitable[Response]
]

# By path. Each takes its call with ``producer.openai.hold.take_call``.
STREAMS: Final[Mapping[str, StreamedAnswer]] = MappingProxyType(
    dict.fromkeys(SHAPES, streamed_answer)
)


def stream_of(endpoint: Endpoint, body: Mapping[str, Any]) -> StreamedAnswer | None:
    """Return what answers piece by piece; ``None``: the body does not ask for that.

    Raises:
        UnsupportedParameterError: The endpoint answers whole only.
        InputError: ``stream`` is neither true nor false.
    """
    wanted = body.get("stream")
    if wanted is None or wanted is False:
        return None
    if wanted is not True:
        message = "must be true or false"
        raise InputError(f"stream {message}", fields=[FieldError("/stream", message)])
    streamed = STREAMS.get(endpoint.path)
    if streamed is None:
        message = f"{endpoint.path} answers whole here; leave stream out"
        raise UnsupportedParameterError(message, fields=[FieldError("/stream", message)])
    return streamed
