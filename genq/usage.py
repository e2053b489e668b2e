"""What was used and charged: ``client.usage(…)`` of ``Genq`` and ``AsyncGenq``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from genq.calls import Call, Exchange, found_in, good, query_of
from genq.json_fields import Fields
from genq.models import Json

_PATH: Final = "/v1/usage"
_OF_ALL: Final = "/v1/admin/usage"
_PAGE: Final = 1000

Day = datetime | date | str
"""An instant with its offset, or a day of UTC."""


@dataclass(frozen=True, slots=True)
class UsageCounts:
    """Sums; ``cost`` is charged, ``server_cost`` what model servers took (operators only)."""

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


@dataclass(frozen=True, slots=True)
class UsageLine:
    """One row: ``start`` of its time; what it is grouped by is in ``groups``."""

    start: datetime | None
    groups: Json
    counts: UsageCounts
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """All rows of a report, and their sums."""

    rows: tuple[UsageLine, ...]
    totals: UsageCounts
    since: datetime
    until: datetime
    currency: str = "usd"
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def read_usage(
    since: Day | None,
    until: Day | None,
    *,
    interval: str,
    by: Sequence[str],
    tenant: str | None,
    operator: bool,
) -> Exchange[Usage]:
    """Read a whole report, in as many requests as it takes."""
    asked: dict[str, object] = _asked(since, until, interval, by) | {"limit": _PAGE}
    path = _OF_ALL if operator or tenant is not None else _PATH
    rows: list[UsageLine] = []
    after: str | None = None
    while True:
        query = query_of(asked | {"tenant": tenant, "after": after})
        fields = Fields(found_in((yield Call("GET", path, query=query))), "usage")
        rows += [_line(part, by) for part in fields.parts("data")]
        after = fields.maybe_text("next")
        if after is None:
            break
    return Usage(
        rows=tuple(rows),
        totals=_counts(Fields(fields.found.get("totals"), "totals")),
        since=fields.moment("from"),
        until=fields.moment("to"),
        currency=fields.maybe_text("currency") or "usd",
        raw=fields.found,
    )


def read_usage_table(
    since: Day | None,
    until: Day | None,
    *,
    interval: str,
    by: Sequence[str],
    tenant: str | None,
    operator: bool,
) -> Exchange[bytes]:
    """Read a whole report as CSV."""
    asked = _asked(since, until, interval, by) | {"tenant": tenant, "format": "csv"}
    path = _OF_ALL if operator or tenant is not None else _PATH
    return good((yield Call("GET", path, query=query_of(asked)))).body


def _asked(
    since: Day | None, until: Day | None, interval: str, by: Sequence[str]
) -> dict[str, object]:
    return {
        "from": _told(since),
        "to": _told(until),
        "interval": interval,
        "group_by": ",".join(by) or None,
    }


def _told(day: Day | None) -> str | datetime | None:
    if isinstance(day, date) and not isinstance(day, datetime):
        return day.isoformat()
    return day


def _line(fields: Fields, by: Sequence[str]) -> UsageLine:
    groups = {name: fields.found.get(name) for name in by}
    return UsageLine(fields.maybe_moment("start"), groups, _counts(fields), fields.found)


def _counts(fields: Fields) -> UsageCounts:
    return UsageCounts(
        jobs=fields.number("jobs"),
        succeeded=fields.number("succeeded"),
        images=fields.number("images"),
        megapixels=fields.maybe_float("megapixels") or 0.0,
        input_tokens=fields.number("input_tokens"),
        cached_tokens=fields.number("cached_tokens"),
        output_tokens=fields.number("output_tokens"),
        reasoning_tokens=fields.number("reasoning_tokens"),
        model_seconds=fields.maybe_float("model_seconds") or 0.0,
        cost=fields.maybe_float("cost") or 0.0,
        server_cost=fields.maybe_float("server_cost"),
    )
