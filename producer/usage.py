"""Reports of what was used: pages for programs, whole tables for people."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.clock import Clock
from infra.postgres.usage_report import read_usage, sum_usage
from producer.report_places import PATIENCE, ReportPlaces
from schemas.csv_cells import csv_line
from schemas.errors import FieldError, InputError
from schemas.job import iso_ms
from schemas.usage import (
    FOR_OPERATORS,
    MOST_ROWS,
    Interval,
    Span,
    UsageQuery,
    UsageRow,
    Used,
    cursor_of,
    is_start,
    keys_of,
    row_view,
    span_behind,
    span_of,
    totals_view,
)

# Who has begun with a table wants the rest of it.
_LONG_PATIENCE: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class UsageReports:
    """Answers one question of what was used.

    Attributes:
        places: Where it is read; each page of a table takes one anew.
        tenant_id: Whose usage; ``None``: everybody's.
        operator: Whether servers and what they cost are told.
    """

    places: ReportPlaces
    clock: Clock
    query: UsageQuery
    tenant_id: int | None
    operator: bool = False

    async def page(self) -> tuple[Mapping[str, Any], str | None]:
        """Return the JSON form of ``UsageReport``, and the cursor of the next page.

        Raises:
            InputError: The cursor is of another question, or the groups are operators'; or
                the time is so long that adding up takes too long.
            ReportBusyError: Others' reports took too long.
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        query, span = self.query, span_of(self.query, self.clock.now())
        after = self._after()
        async with self.places.place() as connection:
            # One more than wanted tells whether there is a next page.
            found = await self._read(connection, span, after, query.limit + 1)
            totals = await sum_usage(connection, self.tenant_id, span)
        shown = found[: query.limit]
        following = cursor_of(shown[-1].keys) if len(found) > query.limit else None
        return {
            "object": "usage",
            "currency": "usd",
            "interval": query.interval.value,
            "group_by": [group.value for group in query.group_by],
            "from": iso_ms(span.since),
            "to": iso_ms(span.until),
            "data": [self._view(row) for row in shown],
            "totals": totals_view(totals, operator=self.operator),
            "has_more": following is not None,
            "next": following,
        }, following

    async def lines(self) -> AsyncGenerator[bytes]:
        """Give all rows as CSV, from the cursor on, a page at a time; totals are no row.

        Raises:
            InputError: As ``page``.
            ReportBusyError: As ``page``.
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        span, after = span_of(self.query, self.clock.now()), self._after()
        names = [name for name in UsageRow.model_fields if self._tells(name)]
        head, patience = csv_line(names), PATIENCE
        while True:
            async with self.places.place(patience) as connection:
                found = await self._read(connection, span, after, MOST_ROWS)
            rows = [self._view(row) for row in found]
            yield (head + "".join(csv_line([r[n] for n in names]) for r in rows)).encode()
            if len(found) < MOST_ROWS:
                return
            head, after, patience = "", found[-1].keys, _LONG_PATIENCE

    def _tells(self, column: str) -> bool:
        return self.operator or column not in _OPERATORS_COLUMNS

    def _after(self) -> Sequence[str] | None:
        query = self.query
        hidden = () if self.operator else [g for g in query.group_by if g in FOR_OPERATORS]
        if hidden:
            what = f"{hidden[0].value} is for operators: see GET /v1/admin/usage"
            raise _wrong("/query/group_by", what)
        if query.after is None:
            return None
        keys = keys_of(query.after)
        timed = query.interval is not Interval.TOTAL
        if len(keys) != len(query.group_by) + timed or (timed and not is_start(keys[0])):
            what = "is a cursor of another interval or group_by: begin again without it"
            raise _wrong("/query/after", what)
        return keys

    async def _read(
        self,
        connection: AsyncConnection,
        span: Span,
        after: Sequence[str] | None,
        limit: int,
    ) -> list[Used]:
        interval = self.query.interval
        if after is not None and interval is not Interval.TOTAL:
            # What is told already is not added up again.
            span = span_behind(span, after[0])
        return await read_usage(
            connection,
            self.tenant_id,
            span,
            interval=interval,
            groups=self.query.group_by,
            after=after,
            limit=limit,
        )

    def _view(self, row: Used) -> dict[str, Any]:
        groups = self.query.group_by
        return row_view(row, self.query.interval, groups, operator=self.operator)


_OPERATORS_COLUMNS: Final = frozenset(
    {"server_cost", *(group.value for group in FOR_OPERATORS)}
)


def _wrong(pointer: str, message: str) -> InputError:
    return InputError("the query is not acceptable", fields=[FieldError(pointer, message)])
