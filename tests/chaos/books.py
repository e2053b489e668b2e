"""The books at the end: everything that was promised, counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from schemas.events import terminal_type
from schemas.ids import format_id
from schemas.job_states import AttemptOutcome, JobState
from tests.chaos.load import Order
from tests.chaos.postgres import Postgres
from tests.chaos.tenants import Enrolled

_SHOWN: Final = 5
# A job may start this long after its release, which is what the limit counts.
_START_LATE: Final = timedelta(seconds=6)

_JOBS: Final = """
SELECT j.id, j.tenant_id, j.final_state, j.metadata ->> 'n', j.releases,
  (SELECT count(*) FROM result r WHERE r.job_id = j.id),
  (SELECT min(r.fence) FROM result r WHERE r.job_id = j.id),
  (SELECT array_agg(a.fence) FROM attempt a WHERE a.job_id = j.id AND a.outcome = 1),
  (SELECT array_agg(o.id) FROM outbox o WHERE o.job_id = j.id AND o.kind = 1)
FROM job j
"""
_KEYS: Final = "SELECT tenant_id, key, job_id FROM idempotency"
_ATTEMPTS: Final = "SELECT outcome, count(*) FROM attempt GROUP BY outcome ORDER BY outcome"
_STARTS: Final = """
SELECT a.started_at FROM attempt a JOIN job j ON j.id = a.job_id
WHERE j.tenant_id = %s AND a.started_at IS NOT NULL ORDER BY a.started_at
"""
_ARTIFACTS: Final = """
SELECT r.job_id, x ->> 'key' FROM result r, jsonb_array_elements(r.artifacts) AS x
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What the ledger says of a job at the end."""

    id: str
    tenant_id: int
    state: JobState | None
    number: int
    releases: int | None
    results: int
    result_fence: int | None
    ok_fences: tuple[int, ...]
    events: tuple[UUID, ...]


@dataclass
class Books:
    """Counts, and every violation."""

    faults: list[str] = field(default_factory=list[str])
    states: Counter[str] = field(default_factory=Counter[str])
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def refuse(self, what: str, found: Sequence[object]) -> None:
        """Note a violation, if anything was found."""
        if found:
            shown = ", ".join(str(one) for one in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            self.faults.append(f"{what}: {shown}{more}")


async def audit_books(
    postgres: Postgres,
    orders: Sequence[Order],
    told: Mapping[str, Mapping[str, str]],
    tenants: Sequence[Enrolled],
    objects: Path,
) -> Books:
    """Compare what callers, receivers and the ledger know."""
    books = Books()
    jobs = [_job(row) for row in await postgres.rows(_JOBS)]
    keys = {(row[0], row[1]): format_id("job", row[2]) for row in await postgres.rows(_KEYS)}
    books.states.update(job.state.name.lower() if job.state else "none" for job in jobs)
    books.attempts = {
        AttemptOutcome(outcome).name.lower(): number
        for outcome, number in await postgres.rows(_ATTEMPTS)
    }
    _compare_orders(books, orders, jobs, keys)
    _compare_cancels(books, orders, jobs)
    _compare_ends(books, jobs)
    _compare_told(books, jobs, told)
    await _look_for_artifacts(books, postgres, objects)
    for tenant in tenants:
        if tenant.plan.per_minute is not None:
            await _compare_rate(books, postgres, tenant)
    books.refuse("live is not empty", await postgres.rows("SELECT job_id, state FROM live"))
    books.refuse("delivery is not empty", await postgres.rows("SELECT id FROM delivery"))
    return books


def _job(row: Any) -> Job:
    job, tenant, state, number, releases, results, fence, fences, events = row
    return Job(
        id=format_id("job", job),
        tenant_id=tenant,
        state=None if state is None else JobState(state),
        number=int(number),
        releases=releases,
        results=results,
        result_fence=fence,
        ok_fences=tuple(fences or ()),
        events=tuple(events or ()),
    )


def _compare_orders(
    books: Books,
    orders: Sequence[Order],
    jobs: Sequence[Job],
    keys: Mapping[tuple[int, str], str],
) -> None:
    by_number: dict[int, list[str]] = {}
    for job in jobs:
        by_number.setdefault(job.number, []).append(job.id)
    accepted = [order for order in orders if order.job is not None]
    books.refuse(
        "accepted, but not there",
        [o.job for o in accepted if o.job not in by_number.get(o.number, ())],
    )
    books.refuse(
        "submitted once, there twice",
        [n for n, found in by_number.items() if len(found) > 1],
    )
    books.refuse(
        "a key that stands for another job",
        [o.key for o in accepted if o.key and keys.get((o.tenant.id, o.key)) != o.job],
    )
    books.refuse(
        "never accepted, though tried to the end",
        [o.number for o in orders if o.job is None and not o.given_up],
    )
    lost_answers = [o for o in orders if o.given_up and o.number in by_number]
    known = {order.number for order in accepted} | {order.number for order in lost_answers}
    books.refuse("nobody's", [n for n in by_number if n not in known])
    books.counts |= {
        "submits tried": len(orders),
        "accepted": len(accepted),
        "accepted, the answer lost": len(lost_answers),
        "jobs": len(jobs),
    }


def _compare_cancels(books: Books, orders: Sequence[Order], jobs: Sequence[Job]) -> None:
    state_of = {job.id: job.state for job in jobs}
    told = [str(order.job) for order in orders if order.cancelled]
    books.refuse(
        "cancel was acknowledged, and it ended otherwise",
        [job for job in told if state_of.get(job) is not JobState.CANCELLED],
    )
    books.counts["cancel acknowledged"] = len(told)


def _compare_ends(books: Books, jobs: Sequence[Job]) -> None:
    good = [job for job in jobs if job.state is JobState.SUCCEEDED]
    expected = (JobState.SUCCEEDED, JobState.CANCELLED)
    books.refuse(
        "ended badly", [f"{j.id} {j.state!r}" for j in jobs if j.state not in expected]
    )
    books.refuse("not one result", [job.id for job in good if job.results != 1])
    books.refuse(
        "a result without success", [j.id for j in jobs if j.results and j not in good]
    )
    books.refuse(
        "not one good attempt, or not the result's",
        [job.id for job in good if job.ok_fences != (job.result_fence,)],
    )
    books.refuse("not one terminal event", [job.id for job in jobs if len(job.events) != 1])
    released = [job.releases for job in jobs if job.releases is not None]
    books.counts |= {
        "succeeded": len(good),
        "results": sum(job.results for job in jobs),
        "terminal events": sum(len(job.events) for job in jobs),
        "releases": sum(released),
        "most releases of a job": max(released, default=0),
    }


def _compare_told(
    books: Books, jobs: Sequence[Job], told: Mapping[str, Mapping[str, str]]
) -> None:
    books.refuse("its receiver was told nothing", [j.id for j in jobs if j.id not in told])
    books.refuse("told under two ids", [job for job, events in told.items() if len(events) > 1])
    books.refuse("told of nobody's job", sorted(set(told) - {job.id for job in jobs}))
    for job in jobs:
        if job.state is None or job.id not in told:
            continue
        owed = {format_id("evt", event): terminal_type(job.state).value for event in job.events}
        if dict(told[job.id]) != owed:
            books.refuse("told something else", [f"{job.id}: {dict(told[job.id])}, not {owed}"])
    books.counts["receivers told"] = len(told)


async def _look_for_artifacts(books: Books, postgres: Postgres, objects: Path) -> None:
    rows = await postgres.rows(_ARTIFACTS)
    missing = [format_id("job", row[0]) for row in rows if not (objects / row[1]).is_file()]
    books.refuse("a result whose picture is not stored", missing)
    books.counts["pictures"] = len(rows)


async def _compare_rate(books: Books, postgres: Postgres, tenant: Enrolled) -> None:
    """Never more starts in any interval than a minute's burst and what flowed since."""
    rate = tenant.plan.per_minute or 0
    starts = [row[0] for row in await postgres.rows(_STARTS, tenant.id)]
    emission = timedelta(minutes=1) / rate
    for first, begun in enumerate(starts):
        allowed = rate + (starts[-1] - begun + _START_LATE) / emission
        if len(starts) - first > allowed:
            books.refuse(f"{tenant.plan.name} ran too often", [f"{len(starts) - first} jobs"])
            return
    books.counts[f"starts of {tenant.plan.name}"] = len(starts)
