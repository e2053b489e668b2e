"""Errors as answers to OpenAI's clients."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Scope

from producer.api.problems import PUBLIC_URL, REQUEST_ID, send_problem
from producer.openai.refusals import headers_of, refusal_of_error
from schemas.errors import GenqError


def openai_problem(
    error: GenqError, scope: Scope, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer to a call that failed with ``error``, and log it if it is ours.

    Args:
        error: What went wrong.
        scope: Of the request.
        headers: What else the answer tells.
    """
    _, body = refusal_of_error(
        error, request_id=scope.get(REQUEST_ID), public_url=scope.get(PUBLIC_URL, "")
    )
    return send_problem(error, body, scope, {**headers_of(error), **(headers or {})})
