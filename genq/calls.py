"""What is said to the server and what comes back, as data: the words of every exchange.

An exchange is a generator that yields steps and is sent the ``Answer`` to each. It does no I/O,
so that ``Genq`` and ``AsyncGenq`` share one truth about paths, waiting and sending again.
"""

import json
from collections.abc import Awaitable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar, cast

from genq.decoding import decode
from genq.errors import ConfigurationError, error_of
from genq.uploads import Upload

if TYPE_CHECKING:
    from genq.pictures import PictureForm

Query = Mapping[str, str | Sequence[str]]
IDEMPOTENCY_KEY: Final = "idempotency-key"


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request.

    Attributes:
        hold: Seconds that the server may keep the request, on top of the client's timeout.
        after: Seconds to pause before it is sent.
        follow: Whether a redirect is followed; only object bytes come from elsewhere.
        repeatable: Whether sending a POST twice is sending it once, without any key.
        listen: The answer is a stream, whose bytes are asked for by ``More``; so many seconds
            may pass until it begins.
        upload: A form with files that is sent instead of ``body``.
    """

    method: str
    path: str
    query: Query = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    hold: float = 0
    after: float = 0
    follow: bool = False
    repeatable: bool = False
    listen: float | None = None
    upload: "Upload | PictureForm | None" = None

    @property
    def safe_twice(self) -> bool:
        """Whether it may be sent again when nobody knows whether it arrived."""
        return self.repeatable or self.method != "POST" or IDEMPOTENCY_KEY in self.headers


@dataclass(frozen=True, slots=True)
class More:
    """The next bytes of the stream that the exchange listens to; none at its end."""

    patience: float


@dataclass(frozen=True, slots=True)
class Pending:
    """What a callback of an async caller returned: to be awaited before going on."""

    result: Awaitable[object]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are in lower case, ``seconds`` is how long it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0


Result = TypeVar("Result")
Step = Call | More | Pending
Exchange = Generator[Step, Answer, Result]


def good(answer: Answer) -> Answer:
    """Return the answer.

    Raises:
        ApiError: It is a problem.
    """
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise error_of(answer.status, answer.headers, answer.body)
    return answer


def found_in(answer: Answer) -> object:
    """Return the JSON value of a good answer; errors are those of ``good``."""
    return decode(good(answer).body)


def sending(
    method: str, path: str, body: Mapping[str, object], what: str, *, key: str | None = None
) -> Call:
    """Return a call with a JSON body: what is ``None`` was not given.

    Args:
        method: Such as ``POST``.
        path: Such as ``/v1/jobs``.
        body: Instants must be aware.
        what: What it is, for the message of the error.
        key: The idempotency key.

    Raises:
        ConfigurationError: The body has no form in JSON.
    """
    headers = {"content-type": "application/json"}
    if key is not None:
        headers[IDEMPOTENCY_KEY] = key
    return Call(method, path, headers=headers, body=json_bytes(body, what))


def json_bytes(body: Mapping[str, object], what: str) -> bytes:
    """Return the body as JSON; arguments and errors are those of ``sending``."""
    given = {name: value for name, value in body.items() if value is not None}
    try:
        content = json.dumps(given, allow_nan=False, ensure_ascii=False, default=_instant)
        return content.encode()
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{what} cannot be written as JSON: {error}") from None


def query_of(given: Mapping[str, object]) -> dict[str, str | list[str]]:
    """Return what was given as the words of a query; errors are those of ``sending``."""
    try:
        return dict(_words_of(given))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"the query cannot be written: {error}") from None


def place(prefix: str, identity: str, path: str) -> str:
    """Return the path of one thing.

    Args:
        prefix: What its ids begin with, such as ``job_``.
        identity: The id.
        path: Where such things are.

    Raises:
        ConfigurationError: It is no id: it could lead to another route.
    """
    body = identity.removeprefix(prefix)
    if body == identity or not body.isascii() or not body.replace("_", "").isalnum():
        raise ConfigurationError(f"{identity!r} is not an id; expected {prefix}…")
    return f"{path}/{identity}"


def _words_of(given: Mapping[str, object]) -> Iterator[tuple[str, str | list[str]]]:
    for name, value in given.items():
        if isinstance(value, Mapping):
            pairs = cast("Mapping[str, object]", value)
            yield from ((f"{name}.{key}", _word(one)) for key, one in pairs.items())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield name, [_word(one) for one in cast("Sequence[object]", value)]
        elif value is not None:
            yield name, _word(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _instant(value) if isinstance(value, datetime) else str(value)


def _instant(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    if value.tzinfo is None:
        raise ValueError(f"{value} lacks its offset from UTC")
    return value.isoformat()
