"""What a caller asks of the feed: from where, which types, how many, how long to wait."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from starlette.datastructures import Headers, QueryParams

from infra.postgres.feed import Cursor, InvalidCursorError, parse_cursor
from producer.api.bodies import did_you_mean
from producer.api.live_stream import MEDIA_TYPE
from schemas.errors import FieldError, InputError
from schemas.events import FEED_TYPES, EventType

DEFAULT_LIMIT: Final = 100
LARGEST_LIMIT: Final = 200
LONGEST_WAIT_SECONDS: Final = 60
NOW: Final = "now"

_NAMES: Final = ("after", "last_event_id", "limit", "type", "wait")
_TOLD: Final[Mapping[str, EventType]] = {kind.value: kind for kind in FEED_TYPES}
_DIGITS: Final = 3
# Of so many, some are unknown: a long query of nonsense is not looked through.
_MOST_NAMES: Final = 20

Refuse = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """Which part of the feed is wanted.

    Attributes:
        after: Behind this; ``None`` is the oldest that is kept.
        from_now: Behind everything that is there.
        types: Only these; empty is all.
        wait: For how many seconds the answer may be held until there is an event.
        stream: As server-sent events.
    """

    after: Cursor | None = None
    from_now: bool = False
    limit: int = DEFAULT_LIMIT
    types: tuple[EventType, ...] = ()
    wait: int = 0
    stream: bool = False


def read_feed_query(query: QueryParams, headers: Headers) -> FeedQuery:
    """Return what the query and the headers ask for.

    Raises:
        InputError: An unknown parameter or an unacceptable value; every fault is named.
    """
    faults: list[FieldError] = []

    def refuse(name: str, message: str) -> None:
        faults.append(FieldError(f"/query/{name}", message))

    for name in islice(query, _MOST_NAMES):
        if name not in _NAMES:
            refuse(name, f"unknown parameter; {did_you_mean(name, _NAMES)}")
    stream = MEDIA_TYPE in headers.get("accept", "").lower()
    # What a client saw last says more than where it once began.
    seen = headers.get("last-event-id") or query.get("last_event_id")
    written = seen or query.get("after")
    after = None
    if written and written != NOW:
        try:
            after = parse_cursor(written)
        except InvalidCursorError:
            refuse(
                "last_event_id" if seen else "after", "must be a cursor of this feed, or now"
            )
    limit = _number(query, "limit", (1, LARGEST_LIMIT), DEFAULT_LIMIT, refuse)
    wait = _number(query, "wait", (0, LONGEST_WAIT_SECONDS), 0, refuse)
    types = _types(query, refuse)
    if faults:
        raise InputError("the query is not acceptable", fields=faults)
    return FeedQuery(after, written == NOW, limit, types, wait, stream)


def _number(
    query: QueryParams, name: str, within: tuple[int, int], default: int, refuse: Refuse
) -> int:
    written = query.get(name, str(default))
    small = written.isascii() and written.isdigit() and len(written) <= _DIGITS
    if not small or not within[0] <= int(written) <= within[1]:
        refuse(name, f"must be a number from {within[0]} to {within[1]}")
        return default
    return int(written)


def _types(query: QueryParams, refuse: Refuse) -> tuple[EventType, ...]:
    written = [name for part in query.getlist("type") for name in part.split(",")]
    try:
        return tuple(dict.fromkeys(_TOLD[name.strip()] for name in written))
    except KeyError:
        refuse("type", f"must be of {', '.join(_TOLD)}; several are joined by commas")
        return ()
