"""Watches a system while faults go on, and tells which promises were broken meanwhile.

It looks every 50 ms over a connection of its own. A limit that was exceeded for less may go
unseen; what it reports was really so. A database that is away is waited for.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.audits.recorded import Start
from infra.postgres.audits.rule import EXAMPLES, Violation
from infra.postgres.audits.sampling import InFlightJob, Sample, take_sample
from infra.postgres.engine import single_statements, transaction
from producer.doctor.over_time import Excess, Served, rate_excess, unequal
from schemas.errors import DatabaseUnavailableError
from schemas.ids import format_id

EVERY: Final = timedelta(milliseconds=50)
# Jobs that one turn may give to one flow; several dispatchers take turns at the same time.
QUANTUM: Final = 64.0
_WINDOW: Final = 20
_REPORT: Final = "Report it with the examples and, if faults were injected, their seed."


@dataclass(frozen=True, slots=True)
class WatchedLimit:
    """A limit per time, and which jobs it counts: ``counts(tenant_id, pool)``."""

    key: str
    emission: timedelta
    burst: int
    counts: Callable[[int, int], bool]


@dataclass(slots=True)
class Observations:
    """What the samples showed."""

    samples: int = 0
    most_inflight: int = 0
    exceeded: set[str] = field(default_factory=set[str])
    fell: set[str] = field(default_factory=set[str])
    unfair: set[str] = field(default_factory=set[str])
    fences: dict[UUID, int] = field(default_factory=dict[UUID, int])
    # (job, fence) -> when it was first seen, and whose it is.
    releases: dict[tuple[UUID, int], tuple[datetime, int, int]] = field(
        default_factory=dict[tuple[UUID, int], tuple[datetime, int, int]]
    )
    longest_gap: timedelta = timedelta(0)


class Sampler:
    """Samples until its block ends; then ask ``violations``."""

    def __init__(
        self, engine: AsyncEngine, *, every: timedelta = EVERY, quantum: float = QUANTUM
    ) -> None:
        self.seen = Observations()
        self._engine = single_statements(engine)
        self._every = every.total_seconds()
        self._quantum = quantum
        self._recent: list[Sample] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to sample."""
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Sample no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (fault := self._task.exception()):
                raise fault

    async def look(self) -> None:
        """Take one sample and judge it.

        Raises:
            DatabaseUnavailableError: PostgreSQL went away.
        """
        async with transaction(self._engine) as connection:
            sample = await take_sample(connection)
        self._note(sample)

    def violations(
        self, limits: Sequence[WatchedLimit] = (), starts: Sequence[Start] = ()
    ) -> list[Violation]:
        """Return what was broken while it sampled.

        Args:
            limits: Limits per time that held all the while.
            starts: Attempts that have ended meanwhile, as the ledger has them: a release that
                came and went between two samples shows there.
        """
        seen = self.seen
        found = [
            _violation(4, "fence_fell", "jobs whose fence fell", seen.fell),
            _violation(
                5, "limit_exceeded_for_a_while", "tenants beyond their limit", seen.exceeded
            ),
            _violation(9, "flow_underserved", "flows that got too little", seen.unfair),
            _violation(
                6, "rate_exceeded", "limits per time exceeded", self._fast(limits, starts)
            ),
        ]
        return [violation for violation in found if violation is not None]

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except DatabaseUnavailableError:
                # The fault that is being injected; what happened meanwhile is in the ledger.
                self._recent.clear()
            await asyncio.sleep(self._every)

    def _note(self, sample: Sample) -> None:
        seen = self.seen
        seen.samples += 1
        seen.most_inflight = max(seen.most_inflight, len(sample.inflight))
        if self._recent:
            seen.longest_gap = max(seen.longest_gap, sample.at - self._recent[-1].at)
        for job in sample.inflight:
            if job.fence < seen.fences.get(job.job_id, 0):
                seen.fell.add(format_id("job", job.job_id))
            seen.fences[job.job_id] = job.fence
            seen.releases.setdefault(
                (job.job_id, job.fence), (sample.at, job.tenant_id, job.pool)
            )
        seen.exceeded.update(_beyond_limits(sample.inflight))
        self._recent.append(sample)
        if len(self._recent) > _WINDOW:
            self.seen.unfair.update(_underserved(self._recent, self._quantum))
            del self._recent[: _WINDOW // 2]

    def _fast(self, limits: Sequence[WatchedLimit], starts: Sequence[Start]) -> set[str]:
        known = dict(self.seen.releases)
        for start in starts:
            known.setdefault(
                (start.job_id, start.fence), (start.at, start.tenant_id, start.pool)
            )
        slack = max(self.seen.longest_gap, timedelta(seconds=self._every))
        return {
            f"{limit.key}: {excess.units:g} from {excess.begun} to {excess.ended},"
            f" {excess.allowed:.1f} allowed"
            for limit in limits
            if (excess := _excess(limit, known, slack)) is not None
        }


def _excess(
    limit: WatchedLimit,
    known: Mapping[tuple[UUID, int], tuple[datetime, int, int]],
    slack: timedelta,
) -> Excess | None:
    instants = sorted(at for at, tenant, pool in known.values() if limit.counts(tenant, pool))
    return rate_excess(
        [(at, 1.0) for at in instants],
        emission=limit.emission,
        burst=limit.burst,
        slack=slack,
    )


def _beyond_limits(inflight: Sequence[InFlightJob]) -> list[str]:
    lanes = Counter((job.lane, job.tenant_id) for job in inflight)
    totals = Counter(job.tenant_id for job in inflight)
    found: set[str] = set()
    for job in inflight:
        here = lanes[job.lane, job.tenant_id]
        if job.max_inflight is not None and here > job.max_inflight:
            found.add(f"lane {job.lane} tenant {job.tenant_id}: {here} of {job.max_inflight}")
        total = totals[job.tenant_id]
        if job.max_inflight_total is not None and total > job.max_inflight_total:
            found.add(
                f"tenant {job.tenant_id}: {total} of {job.max_inflight_total} in all lanes"
            )
    return sorted(found)


def _underserved(samples: Sequence[Sample], quantum: float) -> list[str]:
    """Compare the flows that had work and might be served at every one of the samples."""
    steady = {(flow.lane, flow.tenant_id) for flow in samples[0].flows}
    for sample in samples[1:]:
        steady &= {(flow.lane, flow.tenant_id) for flow in sample.flows}
    first = {(flow.lane, flow.tenant_id): flow for flow in samples[0].flows}
    lanes: defaultdict[int, dict[int, Served]] = defaultdict(dict)
    for flow in samples[-1].flows:
        key = (flow.lane, flow.tenant_id)
        if key in steady:
            lanes[flow.lane][flow.tenant_id] = Served(
                flow.start - first[key].start, flow.weight
            )
    return [
        f"lane {lane}: tenant {other}, beside tenant {favoured}"
        for lane, served in lanes.items()
        for favoured, other in unequal(served, quantum)
    ]


def _violation(invariant: int, name: str, what: str, examples: set[str]) -> Violation | None:
    if not examples:
        return None
    return Violation(name, invariant, what, tuple(sorted(examples)[:EXAMPLES]), _REPORT)
