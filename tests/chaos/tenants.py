"""Whose jobs they are, and what each of them may have at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.api_keys import digest_of, new_api_key, prefix_of
from infra.postgres.api_keys import insert_key
from infra.postgres.engine import transaction
from infra.postgres.tenants import ensure_tenant
from schemas.lanes import Lane

PEPPER: Final = "only-for-chaos-0123456789"
_SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tenant asks for, and what it may have.

    Attributes:
        share: Of all submits.
        lanes: Its jobs go to these.
        total: The most jobs in flight over all lanes.
        per_minute: Requests; so many may come at once.
    """

    name: str
    share: int
    lanes: tuple[Lane, ...]
    max_inflight: int = 8
    weight: int = 1000
    total: int | None = None
    per_minute: int | None = None


PLANS: Final = (
    Plan("whale", 30, (Lane.FAST,)),
    Plan("turbo", 12, (Lane.TURBO, Lane.FAST), max_inflight=4, weight=2000),
    Plan("relaxed", 12, (Lane.RELAX,), max_inflight=4),
    Plan("nightly", 12, (Lane.BATCH,), max_inflight=4),
    Plan("capped", 14, tuple(Lane), max_inflight=4, total=6),
    Plan("mixed", 12, tuple(Lane)),
    Plan("rated", 8, (Lane.FAST,), per_minute=120),
)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A tenant as the ledger knows it."""

    plan: Plan
    id: int
    key: str


async def enrol(engine: AsyncEngine, plans: Sequence[Plan] = PLANS) -> list[Enrolled]:
    """Write the tenants and a key for each."""
    enrolled: list[Enrolled] = []
    async with transaction(engine) as connection:
        for plan in plans:
            tenant = await ensure_tenant(
                connection, plan.name, max_inflight=plan.max_inflight, webhook_secret=_SECRET
            )
            limits = {"requests_per_minute": plan.per_minute} if plan.per_minute else None
            await connection.execute(
                text(
                    "UPDATE tenant SET weight = :weight, max_inflight_total = :total,"
                    " limits = CAST(:limits AS jsonb) WHERE id = :id"
                ),
                {
                    "weight": plan.weight,
                    "total": plan.total,
                    "limits": orjson.dumps(limits).decode() if limits else None,
                    "id": tenant.id,
                },
            )
            key = new_api_key()
            await insert_key(
                connection,
                tenant.id,
                name="chaos",
                prefix=prefix_of(key),
                digest=digest_of(key, PEPPER),
            )
            enrolled.append(Enrolled(plan, tenant.id, key))
    return enrolled
