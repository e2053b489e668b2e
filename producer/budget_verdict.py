"""Whether a budgeted tenant's job is accepted, and how: at once, slower, later, not. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from infra.postgres.budgets import Reservation, UseKey
from infra.postgres.submit import NewJob
from schemas import lanes
from schemas.admission_errors import BudgetExhaustedError, BudgetTooSmallError
from schemas.budget import (
    EACH_USER,
    TENANT_ITSELF,
    Budget,
    BudgetUnit,
    OnExhausted,
    in_words,
    midnight,
    told,
)
from schemas.job import iso_ms
from schemas.lanes import Lane

# How far ahead a job is parked at most.
_HORIZON: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a job.

    Attributes:
        job: As it is to be written: perhaps in a slower lane, perhaps later.
        reservation: What it holds back; ``None`` if it was refused, or needs nothing held.
        refusal: Why it is not accepted.
    """

    job: NewJob
    reservation: Reservation | None = None
    refusal: BudgetExhaustedError | None = None

    @property
    def downgraded(self) -> bool:
        """Whether it goes to a slower lane for want of budget."""
        return self.reservation is not None and self.reservation.downgraded

    @property
    def parked(self) -> bool:
        """Whether it waits for a later period."""
        return self.reservation is not None and self.reservation.parked


@dataclass
class Books:
    """Budgets, and what is used of them: what one group of jobs is judged by, in its order.

    Attributes:
        budgets: Per tenant; of a tenant without any, nothing is held back.
        used: Spent and reserved, by key of ``budget_use``.
        now: PostgreSQL's time.
    """

    budgets: Mapping[int, Sequence[Budget]]
    used: dict[UseKey, int]
    now: datetime

    def judge(self, job: NewJob) -> Verdict:
        """Return what becomes of ``job``, and count it in for those that follow."""
        # What is blocked where it is submitted costs nothing, and needs no room.
        blocked = job.stop is not None and job.stop.blocks
        if blocked or job.tenant_id not in self.budgets:
            return Verdict(job)
        limits = limits_of(self.budgets[job.tenant_id], job.end_user)
        today = self.now.astimezone(UTC).date()
        day = max(today, job.run_at.astimezone(UTC).date()) if job.run_at else today
        short = [one for one in limits if not self._fits(job, one, day)]
        if not short:
            return self._held(job, limits, day)
        rejecting = [b for b in short if b.on_exhausted is OnExhausted.REJECT]
        if rejecting:
            return Verdict(job, refusal=self._refusal(job, rejecting[0], day))
        parking = [b for b in short if b.on_exhausted is OnExhausted.PARK]
        if parking:
            return self._parked(job, limits, parking[0], day)
        slower = self._slower(job)
        if slower is None:
            return Verdict(job, refusal=self._refusal(job, short[0], day))
        return self._held(slower, limits, day, downgraded=True)

    def _parked(
        self, job: NewJob, limits: Sequence[Budget], first: Budget, day: date
    ) -> Verdict:
        strict = [b for b in limits if b.on_exhausted is not OnExhausted.DOWNGRADE]
        later = day
        while later - day < _HORIZON:
            short = [one for one in strict if not self._fits(job, one, later)]
            if not short:
                break
            later = max(one.period.next_start(later) for one in short)
        else:
            return Verdict(job, refusal=self._refusal(job, first, day))
        moved = _moved(job, midnight(later), self.now)
        if moved is None:
            return Verdict(job, refusal=self._refusal(job, first, day, parked=later))
        # A budget that only slows down may be exhausted in that period as well.
        if all(self._fits(job, one, later) for one in limits):
            return self._held(moved, limits, later, parked=True)
        slower = self._slower(moved) or moved
        return self._held(slower, limits, later, parked=True, downgraded=True)

    def _held(
        self,
        job: NewJob,
        limits: Sequence[Budget],
        day: date,
        *,
        downgraded: bool = False,
        parked: bool = False,
    ) -> Verdict:
        of_user = any(one.end_user for one in limits)
        held = Reservation(
            job_id=job.id,
            tenant_id=job.tenant_id,
            end_user=(job.end_user or TENANT_ITSELF) if of_user else TENANT_ITSELF,
            day=day,
            money=job.money or 0,
            images=job.images,
            tokens=job.tokens,
            downgraded=downgraded,
            parked=parked,
        )
        for one in limits:
            key = self._key(job, one, day)
            self.used[key] = self.used.get(key, 0) + _need(job, one.unit)
        return Verdict(job, held)

    def _slower(self, job: NewJob) -> NewJob | None:
        """Return the job in the slowest lane it may use; the slowest of all has no slower."""
        if job.slowest_lane > job.lane or job.lane == Lane.BATCH.number:
            return replace(job, lane=max(job.slowest_lane, job.lane))
        return None

    def _fits(self, job: NewJob, budget: Budget, day: date) -> bool:
        need = _need(job, budget.unit)
        return not need or self._used(job, budget, day) + need <= budget.amount

    def _used(self, job: NewJob, budget: Budget, day: date) -> int:
        return self.used.get(self._key(job, budget, day), 0)

    def _key(self, job: NewJob, budget: Budget, day: date) -> UseKey:
        spender = (job.end_user or TENANT_ITSELF) if budget.end_user else TENANT_ITSELF
        start = budget.period.start_of(day)
        return (job.tenant_id, spender, budget.unit.number, budget.period.number, start)

    def _refusal(
        self, job: NewJob, budget: Budget, day: date, parked: date | None = None
    ) -> BudgetExhaustedError:
        need = _need(job, budget.unit)
        used = self._used(job, budget, day)
        resets_at = midnight(budget.period.next_start(day))
        whose = f"end user {job.end_user!r}" if budget.end_user else "the tenant"
        asked = in_words(budget.unit, need)
        limit = f"{in_words(budget.unit, budget.amount)} a {budget.period.value}"
        members = {
            "end_user": job.end_user if budget.end_user else None,
            "unit": budget.unit.value,
            "period": budget.period.value,
            "amount": told(budget.unit, budget.amount),
            "used": told(budget.unit, used),
            "needed": told(budget.unit, need),
            "on_exhausted": budget.on_exhausted.value,
            "resets_at": iso_ms(resets_at),
        }
        if need > budget.amount:
            return BudgetTooSmallError(
                f"the job takes {asked}, and {whose} has {limit}: ask for less, or have the "
                "operator raise the budget",
                budget=members,
            )
        message = (
            f"the job takes {asked}; {whose} has used {in_words(budget.unit, used)} of {limit};"
            f" the next {budget.period.value} begins at {iso_ms(resets_at)}"
        )
        if parked is not None:
            message += f"; there is room on {parked.isoformat()}, after the job's deadline"
        return BudgetExhaustedError(message, budget=members, retry_after=resets_at - self.now)


def limits_of(budgets: Sequence[Budget], end_user: str | None) -> list[Budget]:
    """Return the budgets that hold for a job of ``end_user``.

    A user's own budget takes the place of everybody's for the same unit and period.
    """
    own = [b for b in budgets if end_user and b.end_user == end_user != EACH_USER]
    kept = {(b.unit, b.period) for b in own}
    return [
        *(b for b in budgets if b.end_user == TENANT_ITSELF),
        *own,
        *(
            b
            for b in budgets
            if end_user and b.end_user == EACH_USER and (b.unit, b.period) not in kept
        ),
    ]


def _need(job: NewJob, unit: BudgetUnit) -> int:
    match unit:
        case BudgetUnit.MONEY:
            return job.money or 0
        case BudgetUnit.IMAGES:
            return job.images
        case BudgetUnit.TOKENS:
            return job.tokens


def _moved(job: NewJob, run_at: datetime, now: datetime) -> NewJob | None:
    """Return the job as it is if it may run from ``run_at`` on; ``None``: that is too late."""
    if job.deadline_given and job.deadline is not None and job.deadline <= run_at:
        return None
    later = run_at - max(job.run_at or now, now)
    deadline = job.deadline
    if deadline is not None and not job.deadline_given:
        deadline += later
    start_by = job.start_by + later if job.start_by is not None else None
    return replace(job, run_at=run_at, start_by=start_by, deadline=deadline)


def lane_of(job: NewJob) -> Lane:
    """Return the lane in which a job is written."""
    return lanes.BY_NUMBER[job.lane]
