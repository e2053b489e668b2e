"""One turn of the dispatcher: look, divide, release, commit, publish."""

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.broker import Carrier
from infra.postgres.engine import single_statements, transaction
from infra.postgres.flows import FlowKey, sleep_flows
from infra.postgres.release import (
    Capacity,
    LaneState,
    capacity,
    lock_flows,
    release_jobs,
)
from infra.settings import Settings
from infra.telemetry.metrics import RELEASED
from producer.dispatcher.carriers import load_carriers
from producer.dispatcher.fair_share import choose
from producer.dispatcher.lane_budget import LaneDemand, share, stride_of, turn_floor
from schemas.claim import Pointer
from schemas.lanes import Lane

Publish = Callable[[Sequence[Carrier]], Awaitable[None]]

# A little more is released than there are slots, so that a slot that falls free finds its next
# job in the broker already.
_OVERCOMMIT: Final = 1.2
_FLOWS: Final = 64
_LARGEST_TURN: Final = 512


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn did.

    Attributes:
        released: Jobs handed to the broker.
        more: Another turn at once may release more.
        starved: There is work that waits for room: look again when a job ends.
        drained: Flows that gave less than they were asked for; they may be empty.
    """

    released: int = 0
    more: bool = False
    starved: bool = False
    drained: frozenset[FlowKey] = field(default_factory=frozenset[FlowKey])


@dataclass(frozen=True, slots=True)
class _LaneTurn:
    pointers: list[Pointer]
    drained: set[FlowKey]
    more: bool


async def take_turn(engine: AsyncEngine, settings: Settings, publish: Publish) -> Turn:
    """Release what the workers have room for, fairly, and publish it.

    Raises:
        DatabaseUnavailableError: PostgreSQL went away; what was committed before is recovered
            by its lease.
        BrokerUnavailableError: The same, of the broker.
    """
    async with transaction(single_statements(engine)) as connection:
        now = await capacity(connection)
    budgets, starved = _divide(now, settings)
    turns: list[_LaneTurn] = []
    carriers: list[Carrier] = []
    for lane in now.lanes:
        budget = budgets.get(lane.lane, 0)
        if budget:
            turn = await _release_lane(engine, settings, lane, budget, now)
            turns.append(turn)
            carriers += load_carriers(
                lane.lane, turn.pointers, workers=now.workers, fewest_slots=now.fewest_slots
            )
    if carriers:
        # Only after the commit: a pointer that a worker sees must be in the ledger.
        await publish(carriers)
    released = sum(len(turn.pointers) for turn in turns)
    drained = frozenset(flow for turn in turns for flow in turn.drained)
    if drained and not released:
        # Nothing but empty flows stood in front: put them to bed now, or they stay there.
        await put_to_sleep(engine, drained)
        return Turn(more=True, starved=starved)
    return Turn(released, any(turn.more for turn in turns), starved, drained)


async def put_to_sleep(engine: AsyncEngine, flows: Collection[FlowKey]) -> None:
    """Let empty flows sleep; one with ready work stays awake."""
    async with transaction(engine) as connection:
        await sleep_flows(connection, flows)


def _divide(now: Capacity, settings: Settings) -> tuple[dict[Lane, int], bool]:
    window = math.ceil(now.slots * _OVERCOMMIT) - sum(lane.inflight for lane in now.lanes)
    demands = [
        LaneDemand(lane.lane, lane.turn, math.ceil(lane.slots * _OVERCOMMIT) - lane.inflight)
        for lane in now.lanes
        if lane.backlogged and lane.slots
    ]
    budgets = share(
        demands,
        settings.lane_weights,
        min(window, _LARGEST_TURN),
        floor=turn_floor([lane.turn for lane in now.lanes]),
    )
    return budgets, any(demand.lane not in budgets for demand in demands)


async def _release_lane(
    engine: AsyncEngine, settings: Settings, lane: LaneState, budget: int, now: Capacity
) -> _LaneTurn:
    async with transaction(engine) as connection:
        flows = await lock_flows(connection, lane.lane, _FLOWS)
        quotas = choose(flows, budget, clock=lane.v)
        if not quotas:
            return _LaneTurn([], set(), more=False)
        released = await release_jobs(
            connection,
            lane,
            quotas,
            lease=settings.release_ttl,
            stride=stride_of(lane.lane, settings.lane_weights),
            floor=turn_floor([other.turn for other in now.lanes]),
        )
    RELEASED.labels(lane.lane.value).inc(len(released))
    got = Counter(tenant_id for tenant_id, _ in released)
    drained = {
        (lane.lane.number, quota.flow.tenant_id)
        for quota in quotas
        if got[quota.flow.tenant_id] < quota.jobs
    }
    # A flow that gave all it was asked for may have more, and so may flows beyond the limit.
    more = len(drained) < len(quotas) or len(flows) == _FLOWS
    return _LaneTurn([pointer for _, pointer in released], drained, more)
