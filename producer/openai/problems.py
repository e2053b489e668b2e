"""Errors as answers to OpenAI's clients."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from infra.postgres.tenants import Caller
from producer.api.auth import CALLER
from producer.api.problems import PUBLIC_URL, REQUEST_ID, send_problem
from producer.openai.call_book import CallBook
from producer.openai.refusals import headers_of, refusal_of_error
from schemas.errors import GenqError

Answer = Callable[[Request], Coroutine[Any, Any, Response]]

# 429 and what is ours: clients send the same again.
_REPEATED_FROM: Final = 429


def openai_problem(
    error: GenqError,
    scope: Scope,
    headers: Mapping[str, str] | None = None,
    *,
    of_job: bool = True,
) -> Response:
    """Return the answer to a call that failed with ``error``, and log it if it is ours.

    Args:
        error: What went wrong.
        scope: Of the request.
        headers: What else the answer tells.
        of_job: As ``refusal_of_error`` wants it.
    """
    _, body = refusal_of_error(
        error,
        request_id=scope.get(REQUEST_ID),
        public_url=scope.get(PUBLIC_URL, ""),
        of_job=of_job,
    )
    return send_problem(error, body, scope, {**headers_of(error), **(headers or {})})


def in_openai_words(book: CallBook, answer: Answer, *, of_jobs: bool) -> Answer:
    """Return ``answer``, whose errors OpenAI's clients understand.

    Args:
        book: Hears of calls that were refused and will be repeated.
        answer: Of a call; may leave its caller in the request's scope.
        of_jobs: Whether its calls become jobs, which may be attached to.
    """

    async def told(request: Request) -> Response:
        try:
            return await answer(request)
        except GenqError as error:
            response = openai_problem(error, request.scope, of_job=of_jobs)
            caller: Caller | None = request.scope.get(CALLER)
            again = of_jobs and "x-should-retry" not in response.headers
            if caller is not None and again and response.status_code >= _REPEATED_FROM:
                book.refused(caller.tenant.id)
            return response

    return told
