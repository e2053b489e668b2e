"""One lane's part of a turn: lock, choose, release within every limit, park what must wait."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.capacity import Capacity, LaneState
from infra.postgres.engine import transaction
from infra.postgres.flows import FlowKey
from infra.postgres.limits import Room, close_keys, lock_limits, reserve
from infra.postgres.parks import (
    LONGEST_PARK,
    PARKED_FULL,
    PARKED_PAUSED,
    PARKED_RATE,
    Park,
    park_flows,
    park_for_pools,
)
from infra.postgres.release import (
    Constraints,
    LockedFlow,
    Release,
    lock_flows,
    lock_tenants,
    release_jobs,
)
from infra.settings import Settings
from producer.dispatcher.accounts import Budget, Catalogue, tenant_budget
from producer.dispatcher.fair_share import choose
from producer.dispatcher.lane_budget import stride_of, turn_floor
from producer.dispatcher.spending import allowance, limits_of, spent, waits
from schemas.claim import Pointer
from schemas.lanes import Lane

_FLOWS: Final = 64
# With closed pools in front, flows that wait for them must be got out of the way.
_FLOWS_WHILE_CLOSED: Final = 512
# A finisher in another lane does not see a flow that waits for the tenant's total.
_TOTAL_PARK_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Situation:
    """What all lanes of a turn share.

    Attributes:
        closed: Pools that take nothing, and for how many seconds; a lane that finds an account
            used up adds its pools, for the lanes after it.
    """

    settings: Settings
    catalogue: Catalogue
    now: Capacity
    closed: dict[int, float]

    @property
    def limited(self) -> list[Budget]:
        """Return the budgets of the accounts that have limits."""
        return [account.budget for account in self.catalogue.limited()]


@dataclass(frozen=True, slots=True)
class LaneTurn:
    """What one lane released; see ``Turn``.

    Attributes:
        hungry: Empty flows took the place of others: they must not do so again.
    """

    pointers: list[Pointer] = field(default_factory=list[Pointer])
    drained: set[FlowKey] = field(default_factory=set[FlowKey])
    more: bool = False
    hungry: bool = False


@dataclass(slots=True)
class _Gate:
    """What stands before the locked flows: who may release how many, and who must wait."""

    flows: list[LockedFlow]
    parks: list[Park] = field(default_factory=list[Park])
    most: dict[int, int] = field(default_factory=dict[int, int])
    budgets: dict[int, Budget] = field(default_factory=dict[int, Budget])
    rooms: dict[str, Room] = field(default_factory=dict[str, Room])
    busy: bool = False
    used_up: bool = False


async def release_lane(
    engine: AsyncEngine, situation: Situation, lane: LaneState, budget: int
) -> LaneTurn:
    """Release up to ``budget`` jobs of one lane in one transaction."""
    limit = _FLOWS_WHILE_CLOSED if situation.closed else _FLOWS
    async with transaction(engine) as connection:
        # Accounts before flows before tenants, everywhere: nobody waits in a circle.
        rooms = await lock_limits(connection, limits_of(situation.limited))
        locked = await lock_flows(connection, lane.lane, limit)
        gate = await _gate(connection, locked)
        gate.rooms |= rooms
        # Some flows will turn out to be empty; what they leave goes to the others at once.
        wanted = 2 * budget + len(gate.flows)
        quotas = choose(gate.flows, wanted, clock=lane.v, most=gate.most)
        outcome = Release()
        if quotas:
            outcome = await release_jobs(
                connection,
                lane,
                quotas,
                budget=budget,
                lease=situation.settings.release_ttl,
                stride=stride_of(lane.lane, situation.settings.lane_weights),
                floor=turn_floor([other.turn for other in situation.now.lanes]),
                constraints=_constraints(situation, gate),
            )
        gate.parks += await _settle(connection, situation, gate, outcome)
        await park_flows(connection, lane.lane, gate.parks)
        await _park_for_models(connection, situation, lane.lane, outcome, gate.parks)
    waiting = {park.tenant_id for park in gate.parks} | {b.tenant_id for b in outcome.blocked}
    dry = outcome.dry - waiting
    moved = bool(outcome.jobs or gate.parks or dry)
    served = len(quotas) - len(dry) - sum(q.flow.tenant_id in waiting for q in quotas)
    return LaneTurn(
        [one.pointer for one in outcome.jobs],
        {(lane.lane.number, tenant_id) for tenant_id in dry},
        # A flow that gave all it was asked for may have more, and so may flows further on.
        more=(moved and (served > 0 or len(locked) == limit)) or gate.busy or gate.used_up,
        hungry=bool(dry) and served > 0 and len(outcome.jobs) < budget,
    )


async def _gate(connection: AsyncConnection, locked: Sequence[LockedFlow]) -> _Gate:
    """Set aside flows of paused or full tenants; lock the tenants that have limits."""
    gate = _Gate([flow for flow in locked if not flow.paused])
    for flow in locked:
        if flow.paused:
            gate.parks.append(Park(flow.tenant_id, PARKED_PAUSED, LONGEST_PARK.total_seconds()))
    held = [flow for flow in gate.flows if flow.total is not None or flow.plan]
    if not held:
        return gate
    inflight = await lock_tenants(connection, [flow.tenant_id for flow in held])
    for flow in held:
        if flow.tenant_id not in inflight:
            # Another dispatcher has the tenant; its turn is over in a moment.
            gate.flows.remove(flow)
            gate.busy = True
        elif flow.total is not None and inflight[flow.tenant_id] >= flow.total:
            gate.flows.remove(flow)
            gate.parks.append(Park(flow.tenant_id, PARKED_FULL, _TOTAL_PARK_SECONDS))
        else:
            if flow.total is not None:
                room = flow.total - inflight[flow.tenant_id]
                gate.most[flow.tenant_id] = min(flow.max_inflight, room)
            if flow.plan:
                gate.budgets[flow.tenant_id] = tenant_budget(flow.tenant_id, flow.plan)
    gate.rooms |= await lock_limits(connection, limits_of(gate.budgets.values()))
    return gate


def _constraints(situation: Situation, gate: _Gate) -> Constraints:
    accounts = situation.limited
    pools: dict[int, int] = {}
    for pool in situation.now.pools:
        account = situation.catalogue.account_of(pool.model) if accounts else None
        if account is not None and account.budget.limits:
            pools[pool.id] = account.budget.owner
    known = [0, *(pool.id for pool in situation.now.pools)]
    return Constraints(
        closed=tuple(situation.closed),
        open=tuple(pool for pool in known if pool not in situation.closed),
        accounts=tuple(allowance(budget, gate.rooms) for budget in accounts),
        pools=pools,
        tenants=tuple(allowance(budget, gate.rooms) for budget in gate.budgets.values()),
    )


async def _settle(
    connection: AsyncConnection, situation: Situation, gate: _Gate, outcome: Release
) -> list[Park]:
    """Reserve what was released; return the flows that wait for their tenants' limits."""
    accounts = situation.limited
    if not accounts and not gate.budgets:
        return []
    jobs = outcome.jobs
    owners = {
        pool.id: account
        for pool in situation.now.pools
        if (account := situation.catalogue.account_of(pool.model))
    }
    used: Counter[str] = Counter()
    for budget in accounts:
        of_account = [j for j in jobs if j.pool in owners and owners[j.pool].budget is budget]
        used += spent(budget, of_account)
    for tenant_id, budget in gate.budgets.items():
        used += spent(budget, [job for job in jobs if job.tenant_id == tenant_id])
    await reserve(connection, limits_of([*accounts, *gate.budgets.values()]), used)
    parks: list[Park] = []
    closing: dict[str, float] = {}
    for job in outcome.blocked:
        plan = gate.budgets.get(job.tenant_id)
        held = waits(plan, gate.rooms, used, job) if plan else {}
        if held:
            parks.append(Park(job.tenant_id, PARKED_RATE, max(held.values())))
        elif job.pool in owners and owners[job.pool].budget.limits:
            closing |= waits(owners[job.pool].budget, gate.rooms, used, job)
    await close_keys(connection, closing)
    if closing:
        gate.used_up = True
        _close_for_later_lanes(situation, closing)
    return parks


def _close_for_later_lanes(situation: Situation, closing: Mapping[str, float]) -> None:
    """Let no lane of this turn take from under a job what that job waits for."""
    for account in situation.catalogue.limited():
        keys = {limit.key for limit in account.budget.limits.values()}
        seconds = max((closing[key] for key in keys & closing.keys()), default=0.0)
        if seconds:
            for pool in situation.now.pools:
                if pool.model in account.models:
                    situation.closed[pool.id] = seconds


async def _park_for_models(
    connection: AsyncConnection,
    situation: Situation,
    lane: Lane,
    outcome: Release,
    parks: Sequence[Park],
) -> None:
    """Park flows that gave nothing, while some pools are closed.

    One that is empty is parked with them; its next job wakes it, or the park ends.
    """
    if not situation.closed:
        return
    settled = {one.tenant_id for one in (*outcome.jobs, *outcome.blocked)}
    settled |= {park.tenant_id for park in parks}
    known = [0, *(pool.id for pool in situation.now.pools)]
    await park_for_pools(
        connection,
        lane,
        outcome.dry - settled,
        closed=situation.closed,
        open_pools=[pool for pool in known if pool not in situation.closed],
    )
