"""Which tenant's job is next in a lane: virtual time over the locked flows. Pure.

Start-time fair queueing (Goyal, Vin and Chen, 1996): the flow with the lowest virtual time is
served, and each job moves it on by its cost over the flow's weight (here: what the flow's jobs
cost of late; the release charges what each was reckoned to cost). A flow that comes back from
rest stands at the lane's clock at least, so it cannot spend credit it banked while idle.
"""

import heapq
from collections.abc import Mapping, Sequence

from infra.postgres.release import VTIME_SCALE, LockedFlow, Quota
from schemas.cost import ORDINARY


def choose(
    flows: Sequence[LockedFlow],
    budget: int,
    *,
    clock: int,
    most: Mapping[int, int] | None = None,
) -> list[Quota]:
    """Divide ``budget`` jobs among the flows.

    How many ready jobs a flow really has is not known here; what it leaves is divided again
    on the dispatcher's next turn.

    Args:
        flows: The flows this dispatcher has locked.
        budget: How many jobs the lane may release.
        clock: The lane's virtual time.
        most: The most jobs of some tenants, below what their flows allow.

    Returns:
        Quotas of at least one job each, together at most ``budget``.
    """
    most = most or {}
    heap = [(max(flow.vtime, clock), flow.tenant_id, place) for place, flow in enumerate(flows)]
    heapq.heapify(heap)
    given = [0] * len(flows)
    while heap and budget > 0:
        vtime, tenant_id, place = heap[0]
        flow = flows[place]
        given[place] += 1
        budget -= 1
        if given[place] < most.get(tenant_id, flow.max_inflight):
            step = VTIME_SCALE * flow.cost // (ORDINARY * flow.weight)
            heapq.heapreplace(heap, (vtime + step, tenant_id, place))
        else:
            heapq.heappop(heap)
    return [Quota(flow, jobs) for flow, jobs in zip(flows, given, strict=True) if jobs]
