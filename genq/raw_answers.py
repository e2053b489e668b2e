"""The HTTP answer behind a result: ``client.jobs.with_raw_response.get(…)``."""

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

from genq.calls import Answer

Result = TypeVar("Result")
Given = ParamSpec("Given")

_kept: ContextVar[list[Answer] | None] = ContextVar("genq_answers", default=None)


@dataclass(frozen=True, slots=True)
class RawResponse(Generic[Result]):
    """A result and the HTTP answer that it was read from; header names are in lower case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    result: Result

    @property
    def request_id(self) -> str | None:
        """What names the request in the server's log."""
        return self.headers.get("x-request-id")

    def parse(self) -> Result:
        """Return the result."""
        return self.result


def keep(answer: Answer) -> None:
    """Note an answer, if somebody wants to see it."""
    if (kept := _kept.get()) is not None:
        kept.append(answer)


def raw(method: Callable[Given, Result]) -> Callable[Given, RawResponse[Result]]:
    """Return the method such that it gives the answer along with its result."""

    @wraps(method)
    def call(*args: Given.args, **given: Given.kwargs) -> RawResponse[Result]:
        with _keeping() as answers:
            result = method(*args, **given)
        return _together(answers, result)

    return call


def async_raw(
    method: Callable[Given, Awaitable[Result]],
) -> Callable[Given, Awaitable[RawResponse[Result]]]:
    """Return the coroutine method such that it gives the answer along with its result."""

    @wraps(method)
    async def call(*args: Given.args, **given: Given.kwargs) -> RawResponse[Result]:
        with _keeping() as answers:
            result = await method(*args, **given)
        return _together(answers, result)

    return call


@contextmanager
def _keeping() -> Generator[list[Answer]]:
    answers: list[Answer] = []
    token = _kept.set(answers)
    try:
        yield answers
    finally:
        _kept.reset(token)


def _together(answers: list[Answer], result: Result) -> RawResponse[Result]:
    last = answers[-1]
    return RawResponse(last.status, last.headers, last.body, result)
