"""Which budget decides, and how, whatever the numbers."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra.new_ids import new_key
from infra.postgres.submit import NewJob
from producer.budget_verdict import Books, Verdict, limits_of
from schemas.budget import Budget, BudgetPeriod, BudgetUnit, OnExhausted, in_words
from schemas.lanes import Lane

NOON = datetime(2026, 12, 30, 12, tzinfo=UTC)
TODAY = NOON.date()
IMAGES, DAY, MONTH = BudgetUnit.IMAGES, BudgetPeriod.DAY, BudgetPeriod.MONTH


def job(images: int = 1, **more: Any) -> NewJob:
    values: dict[str, Any] = {
        "id": new_key(),
        "tenant_id": 7,
        "lane": Lane.FAST.number,
        "kind": 1,
        "priority": 5,
        "model": "m",
        "end_user": None,
        "labels": None,
        "payload": "{}",
        "weight": 1000,
        "max_inflight": 9,
        "images": images,
        "money": 0,
    }
    return NewJob(**values | more)


def judged(budgets: list[Budget], *jobs: NewJob) -> list[Verdict]:
    books = Books({7: budgets}, {}, NOON)
    return [books.judge(one) for one in jobs]


def days(*verdicts: Verdict) -> list[date | None]:
    return [one.reservation.day if one.reservation else None for one in verdicts]


def test_a_parked_job_goes_over_the_end_of_month_and_year() -> None:
    budgets = [Budget("", IMAGES, DAY, 1, OnExhausted.PARK)]

    first, second, third = judged(budgets, job(), job(), job())

    assert days(first, second, third) == [TODAY, date(2026, 12, 31), date(2027, 1, 1)]
    assert third.job.run_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_day_with_room_in_a_month_without_is_no_place_to_park() -> None:
    budgets = [
        Budget("", IMAGES, DAY, 1, OnExhausted.PARK),
        Budget("", IMAGES, MONTH, 1, OnExhausted.PARK),
    ]

    assert days(*judged(budgets, job(), job(), job())) == [
        TODAY,
        date(2027, 1, 1),
        date(2027, 2, 1),
    ]


def test_what_may_run_later_only_counts_for_that_day() -> None:
    budgets = [Budget("", IMAGES, DAY, 1)]
    tomorrow = job(run_at=NOON + timedelta(days=1))

    now, later, again = judged(budgets, job(), tomorrow, tomorrow)

    assert days(now, later) == [TODAY, date(2026, 12, 31)]
    assert again.refusal is not None


def test_a_downgrade_goes_to_the_slowest_lane_that_is_allowed_or_is_a_refusal() -> None:
    budgets = [Budget("", IMAGES, DAY, 0, OnExhausted.DOWNGRADE)]

    def lane(**more: Any) -> int | None:
        (verdict,) = judged(budgets, job(**more))
        return None if verdict.refusal else verdict.job.lane

    assert lane() == Lane.BATCH.number
    assert lane(slowest_lane=Lane.RELAX.number) == Lane.RELAX.number
    assert lane(slowest_lane=Lane.FAST.number) is None
    assert lane(lane=Lane.BATCH.number) == Lane.BATCH.number


def test_a_users_own_budget_takes_the_place_of_everybodys_of_its_kind_alone() -> None:
    tenant, each = Budget("", IMAGES, DAY, 1), Budget("*", IMAGES, DAY, 2)
    month, own = Budget("*", IMAGES, MONTH, 3), Budget("ann", IMAGES, DAY, 4)
    budgets = [tenant, each, month, own]

    assert limits_of(budgets, "ann") == [tenant, own, month]
    assert limits_of(budgets, "bob") == [tenant, each, month]
    assert limits_of(budgets, None) == [tenant]


def test_amounts_are_told_in_words() -> None:
    told = [in_words(BudgetUnit.MONEY, amount) for amount in (0, 5, 40_000, 20_500_000)]
    assert told == ["$0.00", "$0.000005", "$0.04", "$20.50"]
    assert in_words(IMAGES, 1) == "1 image"


BUDGETS = st.lists(
    st.builds(
        Budget,
        st.sampled_from(["", "*", "ann"]),
        st.sampled_from(list(BudgetUnit)),
        st.sampled_from(list(BudgetPeriod)),
        st.integers(0, 12),
        st.sampled_from([OnExhausted.REJECT, OnExhausted.PARK]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda budget: (budget.end_user, budget.unit, budget.period),
)
JOBS = st.lists(
    st.builds(
        job,
        st.integers(0, 4),
        money=st.integers(0, 4),
        tokens=st.integers(0, 4),
        end_user=st.sampled_from([None, "ann", "bob"]),
    ),
    max_size=30,
)


@given(budgets=BUDGETS, jobs=JOBS)
def test_no_budget_is_ever_overdrawn_and_every_refusal_names_one(
    budgets: list[Budget], jobs: list[NewJob]
) -> None:
    books = Books({7: budgets}, {}, NOON)

    verdicts = [books.judge(one) for one in jobs]

    for verdict in verdicts:
        assert (verdict.refusal is None) == (verdict.reservation is not None)
        if verdict.parked:
            assert verdict.job.run_at is not None
            assert verdict.job.run_at > NOON
    for budget in budgets:
        spenders = {"": [""], "*": ["ann", "bob"], "ann": ["ann"]}[budget.end_user]
        for (_, spender, unit, period, _), used in books.used.items():
            holds = (unit, period) == (budget.unit.number, budget.period.number)
            if holds and spender in spenders and budget in limits_of(budgets, spender):
                assert used <= budget.amount
