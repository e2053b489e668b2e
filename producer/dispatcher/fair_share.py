"""Which tenant's job is next in a lane: virtual time over the locked flows. Pure.

Start-time fair queueing (Goyal, Vin and Chen, 1996): the flow with the lowest virtual time is
served, and each job moves it on by ``VTIME_SCALE / weight``. A flow that comes back from rest
stands at the lane's clock at least, so it cannot spend credit it banked while idle.
"""

import heapq
from collections.abc import Sequence

from infra.postgres.release import VTIME_SCALE, LockedFlow, Quota


def choose(flows: Sequence[LockedFlow], budget: int, *, clock: int) -> list[Quota]:
    """Divide ``budget`` jobs among the flows.

    How many ready jobs a flow really has is not known here; what it leaves is divided again
    on the dispatcher's next turn.

    Args:
        flows: The flows this dispatcher has locked.
        budget: How many jobs the lane may release.
        clock: The lane's virtual time.

    Returns:
        Quotas of at least one job each, together at most ``budget``.
    """
    heap = [(max(flow.vtime, clock), flow.tenant_id, place) for place, flow in enumerate(flows)]
    heapq.heapify(heap)
    given = [0] * len(flows)
    while heap and budget > 0:
        vtime, tenant_id, place = heap[0]
        flow = flows[place]
        given[place] += 1
        budget -= 1
        if given[place] < flow.max_inflight:
            heapq.heapreplace(heap, (vtime + VTIME_SCALE // flow.weight, tenant_id, place))
        else:
            heapq.heappop(heap)
    return [Quota(flow, jobs) for flow, jobs in zip(flows, given, strict=True) if jobs]
