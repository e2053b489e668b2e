"""Notices: events that tell a tenant what becomes of its endpoints and deliveries.

They are written with what they tell of, or not at all, and only if an endpoint asks for them.
They hold names, reasons and counts; never a secret, a body or the path of a URL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.event_bodies import event_body
from infra.new_ids import new_key
from infra.postgres.notices import (
    Disabling,
    disable_endpoints,
    endpoint_names,
    who_listens,
)
from infra.postgres.publish import Publication, publish_events
from infra.telemetry.metrics import WEBHOOK_ENDPOINTS_DISABLED
from schemas.events import EventType, OutboxKind
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.webhooks import DisabledReason

_log: Final = structlog.get_logger()

# A series that begins with the first of them has not risen, for Prometheus.
for _reason in DisabledReason:
    WEBHOOK_ENDPOINTS_DISABLED.labels(_reason.value)


@dataclass(frozen=True, slots=True)
class NoticedDelivery:
    """The delivery that a notice tells of.

    Attributes:
        job_id: ``None``: its event is about no job.
        attempts: So far.
        outcome: Of the last one, as the log of attempts calls it.
    """

    id: UUID
    event_id: UUID
    event_type: str | None
    job_id: UUID | None
    attempts: int
    outcome: str
    status: int | None


@dataclass(frozen=True, slots=True)
class LaneNews:
    """What an attempt brought about beside its own record.

    Attributes:
        endpoint_id: ``None``: the URL came with the job.
        revision: Of the endpoint, as it was sent to.
        types: Notices, but for ``endpoint.disabled``: who disables it tells so.
        disable: Why to disable the endpoint; ``None``: leave it.
        failures: In a row, in the lane.
        failing_since: When the first of them was; before the attempt, if it succeeded.
    """

    tenant_id: int
    endpoint_id: UUID | None
    revision: int
    origin: str
    types: Sequence[EventType]
    disable: DisabledReason | None
    delivery: NoticedDelivery
    failures: int
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class _Notice:
    type: EventType
    news: LaneNews
    reason: DisabledReason | None = None


async def write_lane_news(
    connection: AsyncConnection, news: Sequence[LaneNews], *, at: datetime
) -> int:
    """Disable endpoints, and write what their tenants are told of.

    Args:
        connection: In the transaction that records the attempts.
        news: Of attempts that this transaction records, and no other did.
        at: Now, for the notices to say.

    Returns:
        How many deliveries it made; if any, ring ``DELIVER`` after the commit.
    """
    notices = [_Notice(kind, one) for one in news for kind in one.types]
    notices += await _disable(connection, news)
    if not notices:
        return 0
    wanted = {(notice.news.tenant_id, notice.type.value) for notice in notices}
    heard = await who_listens(connection, sorted(wanted))
    told = [n for n in notices if (n.news.tenant_id, n.type.value) in heard]
    if not told:
        return 0
    about = {(n.news.tenant_id, n.news.endpoint_id) for n in told}
    named = await endpoint_names(connection, [(t, e) for t, e in about if e is not None])
    return await publish_events(connection, [_publication(n, named, at=at) for n in told])


async def _disable(connection: AsyncConnection, news: Sequence[LaneNews]) -> list[_Notice]:
    # The first attempt of several that say so is the one that is told of.
    asked: dict[UUID, tuple[LaneNews, DisabledReason]] = {}
    for one in news:
        if one.disable is not None and one.endpoint_id is not None:
            asked.setdefault(one.endpoint_id, (one, one.disable))
    if not asked:
        return []
    disabled = await disable_endpoints(
        connection,
        [
            Disabling(key, one.tenant_id, one.revision, reason)
            for key, (one, reason) in asked.items()
        ],
    )
    for endpoint in disabled:
        one, reason = asked[endpoint]
        WEBHOOK_ENDPOINTS_DISABLED.labels(reason.value).inc()
        _log.warning(
            "webhook_endpoint_disabled",
            endpoint_id=format_id("whe", endpoint),
            tenant_id=one.tenant_id,
            reason=reason.value,
        )
    return [_Notice(EventType.ENDPOINT_DISABLED, *asked[endpoint]) for endpoint in disabled]


def _publication(notice: _Notice, named: Mapping[UUID, str], *, at: datetime) -> Publication:
    key, news = new_key(), notice.news
    data: dict[str, Any] = {"endpoint": _endpoint(news, named), "origin": news.origin}
    if notice.type.family == "endpoint":
        data["failures"] = news.failures
        since = news.failing_since
        data["failing_since"] = None if since is None else iso_ms(since)
    if notice.reason is not None:
        data["reason"] = notice.reason.value
    data["delivery"] = _delivery(news.delivery)
    return Publication(
        id=key,
        tenant_id=news.tenant_id,
        kind=OutboxKind.NOTICE,
        type=notice.type.value,
        body=event_body(key, notice.type, at=at, data=data),
    )


def _endpoint(news: LaneNews, named: Mapping[UUID, str]) -> dict[str, str | None] | None:
    if news.endpoint_id is None:
        return None
    name = named.get(news.endpoint_id)
    return {"id": format_id("whe", news.endpoint_id), "name": name}


def _delivery(delivery: NoticedDelivery) -> dict[str, Any]:
    job = delivery.job_id
    return {
        "id": format_id("whd", delivery.id),
        "event_id": format_id("evt", delivery.event_id),
        "event_type": delivery.event_type,
        "job_id": None if job is None else format_id("job", job),
        "attempts": delivery.attempts,
        "outcome": delivery.outcome,
        "status": delivery.status,
    }
