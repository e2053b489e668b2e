"""What was used and charged, as it is asked for and told: by the hour, day or month."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

import orjson
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    field_validator,
    model_validator,
)

from schemas import generation, lanes
from schemas.ids import format_id
from schemas.shape import Shape
from schemas.when import Instant

MOST_ROWS: Final = 1_000
_MONEY: Final = 1_000_000
_MEGAPIXEL: Final = 1024 * 1024
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NOBODY: Final = UUID(int=0)
_CURSOR: Final = TypeAdapter(list[str])
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_START: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:00:00Z", re.ASCII)


class Interval(StrEnum):
    """How long a row's time is; all of it are one row's with ``total``."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class Group(StrEnum):
    """What rows may be told apart by. A job has several tags: they would count it twice."""

    MODEL = "model"
    ASKED = "asked_model"
    KIND = "kind"
    LANE = "lane"
    END_USER = "end_user"
    BATCH = "batch"
    CACHED = "cached"
    SERVER = "server"
    TENANT = "tenant"


def _midnight(given: object) -> object:
    return f"{given}T00:00:00Z" if isinstance(given, str) and _DATE.fullmatch(given) else given


Moment = Annotated[Instant, BeforeValidator(_midnight)]
"""An instant with its offset, or a date: its first instant in UTC."""
FOR_OPERATORS: Final = frozenset({Group.SERVER, Group.TENANT})


class UsageQuery(Shape):
    """Which usage, how it is put together, and which page of it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: Annotated[Moment | None, Field(alias="from")] = None
    until: Annotated[Moment | None, Field(alias="to")] = None
    interval: Interval = Interval.DAY
    group_by: tuple[Group, ...] = ()
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 100
    after: Annotated[str, Field(max_length=4_096)] | None = None
    format: Literal["json", "csv"] | None = None

    @field_validator("group_by", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        return tuple(given.split(",")) if isinstance(given, str) and given else given or ()

    @field_validator("group_by")
    @classmethod
    def _once(cls, given: tuple[Group, ...]) -> tuple[Group, ...]:
        # The order of the keys, whatever the order of the question: cursors fit both.
        return tuple(group for group in Group if group in given)

    @field_validator("after")
    @classmethod
    def _cursor(cls, given: str | None) -> str | None:
        if given is not None:
            keys_of(given)
        return given

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("to must be later than from")
        return self


class TenantUsageQuery(UsageQuery):
    """The same of any tenant; of all, if none is named."""

    tenant: Annotated[str, Field(max_length=128, pattern=r"^[^\x00]*$")] | None = None


class UsageRow(Shape):
    """What was used in one stretch of time. What rows are not told apart by is null.

    ``start`` is the beginning of its hour, day or month in UTC, or null. ``jobs`` have ended,
    ``succeeded`` of them so; ``cost`` in dollars is charged for these alone. Tokens, images and
    ``model_seconds`` are those of every answer of a model that came before its attempt ended,
    be its job blocked or tried again: not of attempts whose worker died, or whose job was taken
    from them. Of jobs that were answered from the cache (``cached``) what these were given.
    """

    start: str | None
    tenant: str | None = None
    model: str | None = None
    asked_model: str | None = None
    kind: str | None = None
    lane: str | None = None
    end_user: str | None = None
    batch: str | None = None
    cached: bool | None = None
    server: str | None = None
    jobs: int
    succeeded: int
    images: int
    megapixels: float
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    model_seconds: float
    cost: float
    server_cost: float | None = None


class UsageTotals(Shape):
    """The sums of all rows, of all pages."""

    jobs: int
    succeeded: int
    images: int
    megapixels: float
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    model_seconds: float
    cost: float
    server_cost: float | None = None


class UsageReport(Shape):
    """The answer of ``GET /v1/usage``; ``next`` goes into ``after``.

    Times count by whole hours: ``from`` is the beginning of its hour, ``to`` the end of its.
    """

    object: Literal["usage"]
    currency: Literal["usd"]
    interval: Interval
    group_by: list[Group]
    from_: Annotated[str, Field(alias="from")]
    to: str
    data: list[UsageRow]
    totals: UsageTotals
    has_more: bool
    next: str | None


@dataclass(frozen=True, slots=True)
class Used:
    """A row of sums.

    Attributes:
        keys: Of the interval and the groups, as PostgreSQL orders them: the cursor.
        counts: By the name of their column.
    """

    keys: tuple[str, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Span:
    """Whole hours, the last one not included."""

    since: datetime
    until: datetime


def span_of(query: UsageQuery, now: datetime) -> Span:
    """Return the hours that a query asks for: this month, if it does not say."""
    until = _hour(query.until or now, up=True)
    month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before = until - min(timedelta(hours=1), until - _FIRST)
    return Span(_hour(query.since) if query.since else min(month, before), until)


def span_behind(span: Span, start: str) -> Span:
    """Return what of ``span`` is in the time that begins at ``start``, or later."""
    return Span(max(span.since, datetime.fromisoformat(start)), span.until)


def is_start(key: str) -> bool:
    """Whether a key is the beginning of an hour, day or month, as PostgreSQL writes it."""
    try:
        return bool(_START.fullmatch(key) and datetime.fromisoformat(key))
    except ValueError:
        return False


def _hour(moment: datetime, *, up: bool = False) -> datetime:
    begun = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return begun + timedelta(hours=1) if up and begun != moment else begun


def cursor_of(keys: Sequence[str]) -> str:
    """Return the cursor that continues behind a row."""
    return base64.urlsafe_b64encode(orjson.dumps(list(keys))).decode().rstrip("=")


def keys_of(cursor: str) -> tuple[str, ...]:
    """Return the row behind which a cursor continues.

    Raises:
        ValueError: It is no cursor of this list.
    """
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        found = _CURSOR.validate_json(base64.urlsafe_b64decode(padded), strict=True)
    except ValueError:
        found = None
    if not found or any("\x00" in key for key in found):
        raise ValueError("is no cursor of this list: send the next of a page, or nothing")
    return tuple(found)


def row_view(
    used: Used, interval: Interval, groups: Sequence[Group], *, operator: bool
) -> dict[str, Any]:
    """Return the JSON form of ``UsageRow``."""
    keys = list(used.keys)
    start = None if interval is Interval.TOTAL else keys.pop(0)
    view: dict[str, Any] = {"start": start} | dict.fromkeys(
        group.value for group in Group if operator or group not in FOR_OPERATORS
    )
    for group, key in zip(groups, keys, strict=True):
        view[group.value] = _told(group, key)
    return view | totals_view(used.counts, operator=operator)


def totals_view(counts: Mapping[str, int], *, operator: bool) -> dict[str, Any]:
    """Return the JSON form of ``UsageTotals``."""
    view: dict[str, Any] = {
        "jobs": counts["jobs"],
        "succeeded": counts["succeeded"],
        "images": counts["images"],
        "megapixels": round(counts["pixels"] / _MEGAPIXEL, 6),
        "input_tokens": counts["input_tokens"],
        "cached_tokens": counts["cached_tokens"],
        "output_tokens": counts["output_tokens"],
        "reasoning_tokens": counts["reasoning_tokens"],
        "model_seconds": counts["milliseconds"] / 1000,
        "cost": counts["money"] / _MONEY,
    }
    return view | ({"server_cost": counts["worth"] / _MONEY} if operator else {})


def _told(group: Group, key: str) -> str | bool | None:
    match group:
        case Group.KIND:
            return generation.BY_NUMBER[int(key)].value
        case Group.LANE:
            return lanes.BY_NUMBER[int(key)].value
        case Group.BATCH:
            batch = UUID(key)
            return None if batch == _NOBODY else format_id("batch", batch)
        case Group.CACHED:
            return key == "true"
        case _:
            return key or None
