"""Registered endpoints through the API, and what senders read of them."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.sealing import sealer_for
from infra.webhook_receivers import Destinations
from schemas.receiver import Receiver
from tests.api.served import Served

ENDPOINTS: Final = "/v1/webhook_endpoints"
URL: Final = "https://example.com/hook?k=very-secret"


async def made(api: Served, **body: Any) -> dict[str, Any]:
    """Register an endpoint and return it with its secret."""
    answer = await api.http.post(ENDPOINTS, json={"name": "shop", "url": URL, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def changed(api: Served, endpoint: Mapping[str, Any], **body: Any) -> dict[str, Any]:
    answer = await api.http.post(f"{ENDPOINTS}/{endpoint['id']}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def rows(api: Served, statement: str, **values: Any) -> list[Any]:
    async with transaction(api.services.engine) as connection:
        found = await connection.execute(text(statement), values)
        return list(found.all()) if found.returns_rows else []


async def owe(api: Served, endpoint: Mapping[str, Any]) -> None:
    """Let a delivery to an endpoint wait in its lane."""
    await rows(
        api,
        "WITH d AS ("
        " INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, endpoint_id)"
        " SELECT uuidv7(), uuidv7(), uuidv7(), tenant_id, url, origin, id"
        " FROM webhook_endpoint WHERE name = :name"
        " RETURNING lane_id, tenant_id, endpoint_id, origin)"
        " INSERT INTO webhook_lane (id, tenant_id, endpoint_id, origin, blocked_until, breaker,"
        "  failures) SELECT *, now() + interval '1 hour', 1, 9 FROM d",
        name=endpoint["name"],
    )


async def receiver(api: Served) -> Receiver:
    """What a sender reads of the one lane that there is."""
    destinations = Destinations(
        sealer_for(api.services.settings), timeout=api.services.settings.webhook_timeout
    )
    async with transaction(api.services.engine) as connection:
        lanes = (await connection.execute(text("SELECT id FROM webhook_lane"))).scalars().all()
        found = await destinations.read(connection, lanes)
    (one,) = found.values()
    assert one.fault is None
    return one.receiver
