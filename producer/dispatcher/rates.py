"""Measures how fast this dispatcher's lanes serve their models, for estimates of arrival.

What is handed out is counted as it is published. Of these jobs a sample is looked up later by
key, to see which models they were for and how long they ran: a few hundred rows every few
seconds, whatever the load.
"""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.broker import Carrier
from infra.postgres.engine import transaction
from infra.postgres.service_rates import SeenJob, Served, add_served, see_jobs
from schemas.lanes import Lane

RATES_EVERY: Final = timedelta(seconds=3)
_SAMPLE: Final = 200
_FOLLOWED: Final = 1000

_Publish = Callable[[Sequence[Carrier]], Awaitable[None]]


class RateMeter:
    """What one dispatcher has handed out since it last told."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._released: Counter[Lane] = Counter()
        self._sample: list[UUID] = []
        self._followed: set[UUID] = set()

    def metered(self, publish: _Publish) -> _Publish:
        """Return ``publish``, with every carrier counted that it sends."""

        async def count_and_publish(carriers: Sequence[Carrier]) -> None:
            await publish(carriers)
            for carrier in carriers:
                self._released[carrier.lane] += len(carrier.pointers)
                room = _SAMPLE - len(self._sample)
                self._sample += [pointer.job_id for pointer in carrier.pointers[:room]]

        return count_and_publish

    async def measure(self) -> None:
        """Tell the database what was handed out, and how long what has ended took.

        Raises:
            DatabaseUnavailableError: PostgreSQL went away; this measure is lost.
        """
        released, self._released = self._released, Counter()
        fresh, self._sample = self._sample, []
        self._followed.update(fresh[: max(0, _FOLLOWED - len(self._followed))])
        if not released and not self._followed:
            return
        async with transaction(self._engine) as connection:
            seen = await see_jobs(connection, sorted({*fresh, *self._followed}))
            followed = [job for job in seen if job.id in self._followed]
            await add_served(connection, served(released, seen, set(fresh), followed))
        # What has ended, or is gone from the ledger, needs no second look.
        self._followed = {job.id for job in followed if not job.ended}


def served(
    released: Counter[Lane],
    seen: Iterable[SeenJob],
    fresh: set[UUID],
    followed: Iterable[SeenJob],
) -> list[Served]:
    """Divide what each lane released among the pools as its sample is divided. Pure.

    Args:
        released: Jobs per lane.
        seen: What is known of the sample and of the followed jobs.
        fresh: The sample of ``released``.
        followed: Jobs whose ends count; each is among them until it has ended.
    """
    sample = Counter((job.lane, job.pool) for job in seen if job.id in fresh)
    whole: Counter[int] = Counter()
    for (lane, _), jobs in sample.items():
        whole[lane] += jobs
    ended: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for job in followed:
        if job.ended and job.seconds is not None:
            ended[job.lane, job.pool].append(job.seconds)
    count = {lane.number: jobs for lane, jobs in released.items()}
    return [
        Served(
            lane=lane,
            pool=pool,
            released=count.get(lane, 0) * sample[lane, pool] / (whole[lane] or 1),
            finished=len(ended[lane, pool]),
            seconds=sum(ended[lane, pool]) / max(1, len(ended[lane, pool])),
        )
        for lane, pool in sorted({*sample, *ended})
    ]
