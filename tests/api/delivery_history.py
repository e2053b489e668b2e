"""Events, deliveries and attempts put in by SQL, as a delivery process would leave them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.new_ids import new_key
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.publish import Publication, publish_events
from schemas.events import OutboxKind
from schemas.ids import format_id, parse_id
from schemas.webhooks import Ended, Trigger
from tests.api.served import Served
from tests.fixtures.endpoints import Made, make_endpoint

T = TypeVar("T")

ORIGIN = "https://example.com"
URL = f"{ORIGIN}/hook"


@dataclass(frozen=True)
class Sent:
    """An event, and its delivery to one receiver."""

    event_id: UUID
    delivery_id: UUID

    @property
    def event(self) -> str:
        return format_id("evt", self.event_id)

    @property
    def shown(self) -> str:
        return format_id("whd", self.delivery_id)


class History:
    """What the tenant ``acme`` was told.

    Args:
        api: Serves it.
    """

    def __init__(self, api: Served) -> None:
        self.api = api
        self._engine = whole_transactions(api.services.engine)

    async def transaction(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async with transaction(self._engine) as connection:
            return await work(connection)

    async def sql(self, statement: str, **values: Any) -> list[Row[Any]]:
        async def run(connection: AsyncConnection) -> list[Row[Any]]:
            found = await connection.execute(text(statement), values)
            return list(found.all()) if found.returns_rows else []

        return await self.transaction(run)

    async def tenant(self, name: str = "acme") -> int:
        return (await self.sql("SELECT id FROM tenant WHERE name = :name", name=name))[0].id

    async def endpoint(self, url: str = URL, **config: Any) -> Made:
        tenant_id = await self.tenant()
        return await self.transaction(lambda c: make_endpoint(c, tenant_id, url, **config))

    async def publish(
        self, times: int = 1, *, of_type: str = "job.succeeded", **publication: Any
    ) -> list[UUID]:
        """Write events that are about no job, and what is owed for them."""
        tenant_id = await self.tenant()
        wanted = [_publication(tenant_id, of_type, n, publication) for n in range(times)]
        await self.transaction(lambda c: publish_events(c, wanted))
        return [one.id for one in wanted]

    async def pending(self, *events: UUID) -> list[Sent]:
        """Return the deliveries of these events that are pending, oldest first."""
        rows = await self.sql(
            "SELECT event_id, id FROM delivery WHERE event_id = ANY (:events) ORDER BY id",
            events=list(events),
        )
        return [Sent(row.event_id, row.id) for row in rows]

    async def send(self, times: int = 1, **publication: Any) -> list[Sent]:
        """Do both."""
        return await self.pending(*await self.publish(times, **publication))

    async def attempt(
        self,
        sent: Sent,
        outcome: str = "success",
        *,
        ended: Ended | None = Ended.DELIVERED,
        status: int | None = 200,
        started_at: datetime | None = None,
        trigger: Trigger = Trigger.SCHEDULED,
        **columns: Any,
    ) -> None:
        """Log an attempt; with ``ended`` the delivery is over."""
        values = {
            "outcome": outcome,
            "status": status,
            "duration_ms": 12,
            "id": new_key(),
            "trigger": int(trigger),
            "ended": None if ended is None else int(ended),
            **columns,
        }
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        await self.sql(
            f"INSERT INTO delivery_attempt (event_id, delivery_id, n, tenant_id, endpoint_id,"
            f" job_id, type, url, started_at, {names})"
            f" SELECT d.event_id, d.id, d.fence + 1, d.tenant_id, d.endpoint_id, d.job_id,"
            f" 'job.succeeded', d.url, COALESCE(:started_at, now()), {places}"
            f" FROM delivery d WHERE d.id = :delivery",
            delivery=sent.delivery_id,
            started_at=started_at,
            **values,
        )
        if ended is None:
            await self.sql(
                "UPDATE delivery SET fence = fence + 1, attempt = attempt + 1,"
                " next_at = now() + interval '1 hour' WHERE id = :id",
                id=sent.delivery_id,
            )
        else:
            await self.sql("DELETE FROM delivery WHERE id = :id", id=sent.delivery_id)

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = await self.api.http.get(f"/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ids(self, **query: Any) -> list[str]:
        """Return the ids of the first page of deliveries that fit."""
        return [one["id"] for one in (await self.get("/webhook_deliveries", **query))["data"]]

    async def walk(self, **query: Any) -> list[str]:
        """Return the ids of all pages."""
        found: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = await self.get("/webhook_deliveries", **query, **after)
            found += [one["id"] for one in page["data"]]
            if page["next"] is None:
                return found
            after = {"after": page["next"]}


def delivery_key(shown: str) -> UUID:
    return parse_id("whd", shown)


def ago(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _publication(
    tenant_id: int, of_type: str, n: int, publication: dict[str, Any]
) -> Publication:
    key = new_key()
    shown = format_id("evt", key)
    body = f'{{"id":"{shown}","object":"event","type":"{of_type}","sequence":{n + 1}}}'.encode()
    given: dict[str, Any] = {
        "id": key,
        "tenant_id": tenant_id,
        "kind": OutboxKind.LIFECYCLE,
        "type": of_type,
        "body": body,
        **publication,
    }
    return Publication(**given)
