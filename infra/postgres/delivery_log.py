"""Deliveries, pending and ended, by filter, newest first; and events with what became of them.

A delivery is its row while it is pending, and the attempts that were logged under its id. Every
query is of one tenant. What a filter asks of attempts, it asks of the newest one.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.delivery_rows import attempt_of_row, delivery_of_row
from infra.postgres.partitions import first_key
from infra.postgres.sealed_content import open_events
from infra.postgres.short_looks import PATIENCE, look_shortly, narrow_enough
from schemas.webhook_delivery import (
    GIVEN_UP,
    TAKEN,
    Delivery,
    DeliveryFilter,
    DeliveryHistory,
    DeliveryStatus,
    StoredEvent,
)
from schemas.webhooks import Ended

# Progress can make thousands of events of one job; the newest are looked at.
_MOST_EVENTS: Final = 1_000
# The release before made an event and its delivery in one breath, and noted no tenant.
_BREATH_MS: Final = 50
_HINT: Final = "created_after, event_id or job_id"

# The newest attempt of each delivery, whether or not there will be others.
_TRIED: Final = """
SELECT a.delivery_id AS id, a.event_id FROM delivery_attempt a
WHERE {tenant} {conditions}
  AND NOT EXISTS (SELECT 1 FROM delivery_attempt b
    WHERE b.event_id = a.event_id AND b.delivery_id = a.delivery_id AND b.n > a.n)
ORDER BY a.delivery_id DESC LIMIT :limit
"""
_OWED: Final = """
SELECT d.id, d.event_id FROM delivery d LEFT JOIN LATERAL (
  SELECT * FROM delivery_attempt WHERE event_id = d.event_id AND delivery_id = d.id
  ORDER BY n DESC LIMIT 1) a ON true
WHERE d.tenant_id = :tenant_id {conditions}
ORDER BY d.id DESC LIMIT :limit
"""
# By way of the index, which rows of the release before are not in; or of events that were found
# for the tenant before.
_BY_INDEX: Final = "a.tenant_id = :tenant_id"
_BY_EVENT: Final = "COALESCE(a.tenant_id, :tenant_id) = :tenant_id"
_ENDED: Final = "NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id = a.delivery_id)"

# Each delivery of the page with its newest attempts, as one statement sees them.
_SHOWN: Final = """
SELECT p.id, p.event_id, d.id IS NOT NULL AS pending, d.next_at, d.attempt AS step, d.rank,
  COALESCE(d.job_id, a.job_id) AS job_id, COALESCE(d.endpoint_id, a.endpoint_id) AS endpoint_id,
  COALESCE(a.type, o.type) AS type, COALESCE(e.url, d.url, a.url) AS shown_url,
  COALESCE(a.trigger, d.trigger) AS shown_trigger, l.blocked_until, l.breaker,
  e.disabled_at IS NOT NULL AS disabled, a.id AS attempt_id, a.n, a.outcome, a.status, a.detail,
  a.duration_ms, a.at, a.trigger, a.started_at, a.ended, a.url, a.address, a.dns_ms,
  a.connect_ms, a.tls_ms, a.first_byte_ms, a.request_id,
  CASE WHEN :whole THEN a.answer_headers END AS answer_headers,
  CASE WHEN :whole THEN a.answer_body END AS answer_body
FROM page p
LEFT JOIN delivery d ON d.id = p.id AND d.tenant_id = :tenant_id
LEFT JOIN LATERAL (
  SELECT * FROM delivery_attempt WHERE event_id = p.event_id AND delivery_id = p.id
  ORDER BY n DESC LIMIT :attempts) a ON true
LEFT JOIN webhook_lane l ON l.id = d.lane_id
LEFT JOIN webhook_endpoint e ON e.id = d.endpoint_id AND e.tenant_id = :tenant_id
LEFT JOIN LATERAL (
  SELECT type FROM outbox WHERE tenant_id = :tenant_id AND id = p.event_id AND a.type IS NULL
  LIMIT 1) o ON true
ORDER BY p.id DESC, a.n DESC
"""

_FIND: Final = text(f"""
WITH page AS MATERIALIZED (
  (SELECT id, event_id FROM delivery WHERE id = :id AND tenant_id = :tenant_id)
  UNION
  (SELECT delivery_id, event_id FROM delivery_attempt
   WHERE tenant_id = :tenant_id AND delivery_id = :id LIMIT 1)
  UNION
  (SELECT a.delivery_id, a.event_id FROM delivery_attempt a
   WHERE a.event_id >= :low AND a.event_id < :high AND a.delivery_id = :id
     AND a.tenant_id IS NULL AND EXISTS (
       SELECT 1 FROM outbox o WHERE o.tenant_id = :tenant_id AND o.id = a.event_id)
   LIMIT 1))
{_SHOWN}
""")
_EVENTS_OF_JOB: Final = text("""
SELECT id FROM outbox WHERE job_id = :job_id AND tenant_id = :tenant_id
ORDER BY id DESC LIMIT :most
""")
_EVENT: Final = text("""
SELECT id, job_id, type, at, channels, body, thin FROM outbox
WHERE tenant_id = :tenant_id AND id = :id
""")


async def list_deliveries(
    connection: AsyncConnection,
    tenant_id: int,
    wanted: DeliveryFilter,
    *,
    limit: int,
    before: UUID | None = None,
    patience: timedelta = PATIENCE,
) -> list[Delivery]:
    """Return a tenant's deliveries that fit, newest first, made before ``before``.

    Args:
        connection: A transaction: how it plans is set for the rest of it.
        tenant_id: Whose.
        wanted: Which.
        limit: The most.
        before: The last delivery of the page before.
        patience: How long one look may take.

    Raises:
        FilterTooWideError: Too few fit among too many.
    """
    await look_shortly(connection, patience)
    with narrow_enough("deliveries", _HINT, patience):
        events = await _events(connection, tenant_id, wanted)
        if events == []:
            return []
        source, values = _page(wanted, before, events)
        page = text(f"WITH page AS MATERIALIZED ({source}) {_SHOWN}")
        values |= {"tenant_id": tenant_id, "limit": limit, "attempts": 1, "whole": False}
        rows = (await connection.execute(page, values)).all()
    return [delivery_of_row(row) for row in rows]


async def get_delivery(
    connection: AsyncConnection, tenant_id: int, delivery_id: UUID, *, attempts: int
) -> DeliveryHistory | None:
    """Return a tenant's delivery with its newest ``attempts``; ``None`` if it has none such."""
    made = (delivery_id.int >> 80) - _BREATH_MS
    values = {
        "tenant_id": tenant_id,
        "id": delivery_id,
        "low": UUID(int=max(0, made) << 80),
        "high": UUID(int=min(max(0, made) + 2 * _BREATH_MS, (1 << 48) - 1) << 80),
        "attempts": attempts + 1,
        "whole": True,
    }
    rows = (await connection.execute(_FIND, values)).all()
    if not rows:
        return None
    tried = [attempt_of_row(row) for row in rows if row.n is not None]
    return DeliveryHistory(delivery_of_row(rows[0]), tried[:attempts], len(tried) > attempts)


async def get_event(
    connection: AsyncConnection, tenant_id: int, event_id: UUID
) -> StoredEvent | None:
    """Return a tenant's event; ``None`` if it has none such."""
    values = {"tenant_id": tenant_id, "id": event_id}
    row = (await connection.execute(_EVENT, values)).one_or_none()
    if row is None:
        return None
    (body,) = await open_events(connection, [(tenant_id, row.id, bytes(row.body))])
    if not isinstance(body, bytes):
        raise body
    return StoredEvent(
        id=row.id,
        job_id=None if row.job_id == row.id else row.job_id,
        type=row.type,
        at=row.at,
        channels=row.channels or (),
        body=body,
        thin=None if row.thin is None else bytes(row.thin),
    )


async def _events(
    connection: AsyncConnection, tenant_id: int, wanted: DeliveryFilter
) -> Sequence[UUID] | None:
    """Return the tenant's events that are asked for; ``None``: all of them."""
    if wanted.event_key is not None:
        event = await get_event(connection, tenant_id, wanted.event_key)
        other_job = wanted.job_key is not None and event and event.job_id != wanted.job_key
        return [] if event is None or other_job else [event.id]
    if wanted.job_key is None:
        return None
    values = {"job_id": wanted.job_key, "tenant_id": tenant_id, "most": _MOST_EVENTS}
    return [row.id for row in await connection.execute(_EVENTS_OF_JOB, values)]


def _page(
    wanted: DeliveryFilter, before: UUID | None, events: Sequence[UUID] | None
) -> tuple[str, dict[str, Any]]:
    """Return the statement that finds the ids of a page, and its values."""
    statuses = set(wanted.status) or set(DeliveryStatus)
    ended = statuses - {DeliveryStatus.PENDING}
    sources: list[str] = []
    values: dict[str, Any] = {}
    of_tried, values_of_tried = _conditions(wanted, before, events, owed=False)
    tenant = _BY_INDEX if events is None else _BY_EVENT
    if len(statuses) == len(DeliveryStatus):
        # Whether the newest attempt was the last one does not matter.
        sources.append(_TRIED.format(tenant=tenant, conditions=_all(of_tried)))
        values |= values_of_tried
    elif ended:
        of_status = [_ENDED, f"({' OR '.join(_ways(ended))})"]
        sources.append(_TRIED.format(tenant=tenant, conditions=_all([*of_tried, *of_status])))
        values |= values_of_tried
    if DeliveryStatus.PENDING in statuses:
        of_owed, values_of_owed = _conditions(wanted, before, events, owed=True)
        sources.append(_OWED.format(conditions=_all(of_owed)))
        values |= values_of_owed
    both = " UNION ".join(f"({source})" for source in sources)
    return f"SELECT id, event_id FROM ({both}) u ORDER BY id DESC LIMIT :limit", values


def _conditions(
    wanted: DeliveryFilter,
    before: UUID | None,
    events: Sequence[UUID] | None,
    *,
    owed: bool,
) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions of one source, only what is asked for, and their values."""
    row, own_id = ("d", "d.id") if owed else ("a", "a.delivery_id")
    kind = "COALESCE(a.trigger, d.trigger)" if owed else "COALESCE(a.trigger, 0)"
    unknown = f"""COALESCE(a.type, (SELECT o.type FROM outbox o
      WHERE o.tenant_id = :tenant_id AND o.id = {row}.event_id LIMIT 1))"""
    after, until = wanted.created_after, wanted.created_before
    given: dict[str, tuple[str, Any]] = {
        "before": (f"{own_id} < :before", before),
        "lowest": (f"{own_id} >= :lowest", first_key(after) if after else None),
        "highest": (f"{own_id} < :highest", first_key(until) if until else None),
        "events": (f"{row}.event_id = ANY (CAST(:events AS uuid[]))", events),
        "endpoint_id": (f"{row}.endpoint_id = :endpoint_id", wanted.endpoint_key),
        "type": (f"{unknown} = :type", wanted.event_type),
        "outcome": ("a.outcome = :outcome", wanted.outcome),
        "status": ("a.status = :status", wanted.status_code),
        "trigger": (f"{kind} = :trigger", wanted.trigger),
        "started_after": ("a.started_at >= :started_after", wanted.started_after),
        "started_before": ("a.started_at < :started_before", wanted.started_before),
    }
    told = {name: one for name, one in given.items() if one[1] is not None}
    values = {name: value for name, (_, value) in told.items()}
    return [condition for condition, _ in told.values()], values


def _ways(statuses: set[DeliveryStatus]) -> Iterator[str]:
    """Return how the last attempts of deliveries that ended so look."""
    given_up = ", ".join(f"'{outcome}'" for outcome in GIVEN_UP)
    before = {
        DeliveryStatus.DELIVERED: f"a.outcome = '{TAKEN}'",
        DeliveryStatus.EXHAUSTED: f"a.outcome IN ({given_up})",
        DeliveryStatus.DISCARDED: f"a.outcome NOT IN ('{TAKEN}', {given_up})",
    }
    for status in sorted(statuses):
        yield f"a.ended = {Ended[status.name].value}"
        if status in before:
            yield f"a.ended IS NULL AND {before[status]}"


def _all(conditions: Sequence[str]) -> str:
    return "".join(f" AND {condition}" for condition in conditions)
