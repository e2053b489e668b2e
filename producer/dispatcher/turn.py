"""One turn of the dispatcher: look, divide, release, commit, publish."""

import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.broker import Carrier
from infra.postgres.capacity import Capacity, capacity
from infra.postgres.engine import single_statements, transaction
from infra.postgres.flows import FlowKey, sleep_flows
from infra.settings import Settings
from infra.telemetry.metrics import RELEASED
from producer.dispatcher.accounts import catalogue_of
from producer.dispatcher.carriers import load_carriers
from producer.dispatcher.lane_budget import LaneDemand, share, turn_floor
from producer.dispatcher.lane_turn import LaneTurn, Situation, release_lane
from schemas.lanes import Lane
from schemas.routes import Routes

Publish = Callable[[Sequence[Carrier]], Awaitable[None]]

# A little more is released than there are slots, so that a slot that falls free finds its next
# job in the broker already; no more, because what is in the broker is first come, first served.
_MOST_AHEAD: Final = 0.2
_LARGEST_TURN: Final = 512


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn did.

    Attributes:
        released: Jobs handed to the broker.
        more: Another turn at once may release more.
        starved: There is work that waits for room: look again when a job ends.
        drained: Flows that gave less than they were asked for; they may be empty.
        look_again: Seconds after which a model takes more, if all that is ready waits for one.
    """

    released: int = 0
    more: bool = False
    starved: bool = False
    drained: frozenset[FlowKey] = field(default_factory=frozenset[FlowKey])
    look_again: float | None = None


async def take_turn(
    engine: AsyncEngine,
    settings: Settings,
    publish: Publish,
    *,
    ahead: int | None = None,
    routes: Routes | None = None,
) -> Turn:
    """Release what the workers have room for, fairly, and publish it.

    Args:
        engine: The way to PostgreSQL.
        settings: Weights, caps, model servers.
        publish: Sends carriers to the broker.
        ahead: How many jobs may wait in the broker; a fifth of the slots at the most.
        routes: What operators say of model servers; without it, nothing.

    Raises:
        DatabaseUnavailableError: PostgreSQL went away; what was committed before is recovered
            by its lease.
        BrokerUnavailableError: The same, of the broker.
    """
    catalogue = catalogue_of(settings.model_servers)
    async with transaction(single_statements(engine)) as connection:
        now = await capacity(connection, catalogue.keys)
    closed = catalogue.closed(now, routes)
    if closed and len(closed) == len(now.pools):
        # Whatever is ready waits for a model: nothing is looked at, and nothing written.
        waiting = any(lane.backlogged for lane in now.lanes)
        return Turn(look_again=min(closed.values()) if waiting else None)
    budgets, starved = divide(now, settings, ahead)
    situation = Situation(settings, catalogue, now, closed)
    turns: list[LaneTurn] = []
    carriers: list[Carrier] = []
    try:
        # The lane whose turn it is comes first to what lanes share beside the slots.
        for lane in sorted(now.lanes, key=lambda lane: lane.turn):
            budget = budgets.get(lane.lane, 0)
            if len(closed) == len(now.pools) > 0:
                # A lane has used up what they all need. The others are not parked: when there
                # is more, the one whose turn it is comes first.
                break
            if budget:
                turn = await release_lane(engine, situation, lane, budget)
                turns.append(turn)
                RELEASED.labels(lane.lane.value).inc(len(turn.pointers))
                carriers += load_carriers(
                    lane.lane,
                    turn.pointers,
                    workers=now.workers,
                    fewest_slots=now.fewest_slots,
                )
    finally:
        # Only after the commit: a pointer that a worker sees must be in the ledger. But what is
        # committed is sent, whatever becomes of the other lanes, or of this process.
        if carriers:
            await publish(carriers)
    return await _sum_up(engine, turns, starved=starved)


async def put_to_sleep(engine: AsyncEngine, flows: Collection[FlowKey]) -> None:
    """Let empty flows sleep; one with ready work stays awake."""
    async with transaction(engine) as connection:
        await sleep_flows(connection, flows)


async def _sum_up(engine: AsyncEngine, turns: Sequence[LaneTurn], *, starved: bool) -> Turn:
    """Return what the lanes did together, empty flows put out of the others' way."""
    released = sum(len(turn.pointers) for turn in turns)
    drained = frozenset(flow for turn in turns for flow in turn.drained)
    in_the_way = frozenset(flow for turn in turns if turn.hungry for flow in turn.drained)
    if drained and not released:
        # Nothing but empty flows stood in front.
        in_the_way = drained
    if in_the_way:
        # Put them to bed now, or they stay in front.
        await put_to_sleep(engine, in_the_way)
    more = any(turn.more for turn in turns) or bool(in_the_way)
    return Turn(released, more, starved, drained - in_the_way)


def divide(
    now: Capacity, settings: Settings, ahead: int | None
) -> tuple[dict[Lane, int], bool]:
    """Return how many jobs each lane may release, and whether a lane with work got none."""

    def with_some_ahead(slots: int) -> int:
        most = math.ceil(slots * _MOST_AHEAD)
        return slots + (most if ahead is None else min(most, ahead))

    window = with_some_ahead(now.slots) - sum(lane.inflight for lane in now.lanes)
    demands: list[LaneDemand] = []
    kept: dict[Lane, int] = {}
    for lane in now.lanes:
        reserved = settings.lane_reserved.get(lane.lane)
        if reserved and not lane.paused:
            least = min(math.ceil(reserved * now.slots), lane.slots)
            kept[lane.lane] = max(0, least - lane.inflight)
        if not (lane.backlogged and lane.slots) or lane.paused:
            continue
        room = with_some_ahead(lane.slots)
        cap = settings.lane_caps.get(lane.lane)
        if cap:
            room = min(room, max(1, math.floor(cap * now.slots)))
        demands.append(LaneDemand(lane.lane, lane.turn, room - lane.inflight))
    budgets = share(
        demands,
        settings.lane_weights,
        min(window, _LARGEST_TURN),
        floor=turn_floor([lane.turn for lane in now.lanes]),
        kept=kept,
    )
    return budgets, any(demand.lane not in budgets for demand in demands)
