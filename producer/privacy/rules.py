"""How long a tenant's content is kept: rules, and what was done with them."""

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import record
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.retention import list_rules, remove_rule, set_rule
from schemas.errors import NotFoundError
from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.privacy import RetentionRequest, RetentionRule


async def show_rules(engine: AsyncEngine, tenant_id: int) -> list[RetentionRule]:
    """Return a tenant's rules; the most particular one counts, first by lane, then by kind."""
    async with transaction(engine) as connection:
        return await list_rules(connection, tenant_id)


async def keep_for(
    engine: AsyncEngine, tenant_id: int, wanted: RetentionRequest
) -> RetentionRule:
    """Make or change a rule; it counts for jobs that have ended already, too."""
    async with transaction(whole_transactions(engine)) as connection:
        rule = await set_rule(connection, tenant_id, wanted)
        hours = {"prompt_hours": rule.prompt_hours, "result_hours": rule.result_hours}
        await record(
            connection, tenant_id, "retention.set", _named(rule.lane, rule.kind), hours
        )
    return rule


async def forget_rule(
    engine: AsyncEngine, tenant_id: int, lane: Lane | None, kind: Kind | None
) -> None:
    """Take a rule away; content goes with its job then, or by a more general rule.

    Raises:
        NotFoundError: There is none such.
    """
    named = _named(lane, kind)
    async with transaction(whole_transactions(engine)) as connection:
        if not await remove_rule(connection, tenant_id, lane, kind):
            raise NotFoundError(f"there is no retention rule for {named}")
        await record(connection, tenant_id, "retention.removed", named, {})


def _named(lane: Lane | None, kind: Kind | None) -> str:
    return f"lane {lane.value if lane else 'any'}, kind {kind.value if kind else 'any'}"
