"""What would become of a job if it were submitted now. Nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.budgets import budgets_for, standing_of_books, time_of
from infra.postgres.engine import transaction
from infra.postgres.submit import NewJob
from infra.postgres.tenants import Tenant
from infra.settings import Settings
from producer.budget_verdict import Books, Verdict
from producer.position import place_of_new
from producer.submit import Submitter
from schemas.budget import TENANT_ITSELF
from schemas.cost import asked_tokens, money
from schemas.errors import BlockedContentError
from schemas.job import JobRequest
from schemas.model_catalog import Price
from schemas.position import QueuePlace


@dataclass(frozen=True, slots=True)
class Estimated:
    """What is known of a job that nobody submitted.

    Attributes:
        verdict: Of the budgets; the job as it would be written.
        price: The least and the most, in millionths of a dollar; ``None`` without a price.
        place: Where it would stand.
    """

    verdict: Verdict
    price: tuple[int, int] | None
    place: QueuePlace

    @property
    def blocked(self) -> BlockedContentError | None:
        """Why it would be blocked where it is submitted, if it would."""
        stop = self.verdict.job.stop
        return BlockedContentError(stop.error["message"]) if stop and stop.error else None


async def estimate_job(
    engine: AsyncEngine,
    settings: Settings,
    submitter: Submitter,
    tenant: Tenant,
    request: JobRequest,
) -> Estimated:
    """Return what a submit of ``request`` would lead to.

    Raises:
        GenqError: What ``Submitter.submit`` would raise of the request itself.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    new = await submitter.draft(tenant, request)
    async with transaction(engine) as connection:
        verdict = await _judged(connection, new)
        place = await place_of_new(connection, verdict.job, settings)
    prices = await submitter.prices(new.model, request.kind)
    return Estimated(verdict, _price(prices, new), place)


async def _judged(connection: AsyncConnection, new: NewJob) -> Verdict:
    if new.money is None:
        return Verdict(new)
    user = new.end_user or TENANT_ITSELF
    budgets = await budgets_for(connection, {(new.tenant_id, user)})
    now = await time_of(connection)
    since = now.astimezone(UTC).date().replace(day=1)
    books = await standing_of_books(connection, new.tenant_id, {TENANT_ITSELF, user}, since)
    used = {key: spent + reserved for key, (spent, reserved) in books.items()}
    return Books(budgets, used, now).judge(new)


def _price(prices: Sequence[Price], new: NewJob) -> tuple[int, int] | None:
    if not prices:
        return None
    parameters: Mapping[str, Any] = orjson.loads(new.payload)["input"]
    # An answer may be as short as a word; pictures are made, or they are not.
    least = min(asked_tokens(parameters), new.tokens) if new.tokens else 0
    low = min(money([one], parameters, images=new.images, tokens=least) for one in prices)
    return low, money(prices, parameters, images=new.images, tokens=new.tokens)
