"""The house is kept: room ahead, nothing past its time, nothing lost that is still needed."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from infra.postgres.engine import create_engine
from infra.postgres.partitions import (
    drop_partitions_before,
    first_key,
    partition_name,
    week_of,
)
from producer.dispatcher.reaper import keep_house
from schemas.job_states import JobState
from schemas.tables.metadata import PARTITIONED
from tests.fixtures.harness import Harness

# Long ago, so that the weeks that other tests live in stay as they are.
THEN: Final = datetime(2001, 1, 10, 12, tzinfo=UTC)
WEEK: Final = timedelta(weeks=1)
AHEAD: Final = timedelta(days=21)


class StoppedClock:
    """Tells one time for ever."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture(autouse=True)
def _no_old_weeks(genq: Harness) -> None:
    before = THEN + timedelta(days=365)
    genq.in_transaction(lambda c: drop_partitions_before(c, before=before))


def keep(genq: Harness, at: datetime = THEN) -> None:
    async def once() -> None:
        engine = create_engine(genq.settings, process="house")
        await keep_house(engine, genq.settings, StoppedClock(at))
        await engine.dispose()

    genq.do(once())


def old_partitions(genq: Harness) -> set[str]:
    rows = genq.sql(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE relkind = 'r' AND relname ~ '_p200[01]'"
    )
    return {row.relname for row in rows}


def names_of(weeks: Iterable[datetime]) -> set[str]:
    return {partition_name(table, week) for table in PARTITIONED for week in weeks}


def weeks_from(first: datetime, last: datetime) -> list[datetime]:
    weeks = [week_of(first)]
    while weeks[-1] + WEEK <= last:
        weeks.append(weeks[-1] + WEEK)
    return weeks


def test_there_is_room_from_last_week_to_three_weeks_ahead(genq: Harness) -> None:
    keep(genq)

    assert old_partitions(genq) == names_of(weeks_from(THEN - WEEK, THEN + AHEAD))


def test_keeping_house_again_at_once_changes_nothing(genq: Harness) -> None:
    keep(genq)
    before = old_partitions(genq)

    keep(genq)

    assert old_partitions(genq) == before


def test_weeks_that_ended_before_retention_are_dropped(genq: Harness) -> None:
    keep(genq)
    later = THEN + timedelta(days=60)

    keep(genq, later)

    kept_since = week_of(later - genq.settings.retention)
    left_of_then = [w for w in weeks_from(THEN - WEEK, THEN + AHEAD) if w >= kept_since]
    assert old_partitions(genq) == names_of(
        [*left_of_then, *weeks_from(later - WEEK, later + AHEAD)]
    )


def test_the_week_that_retention_ends_in_is_kept_whole(genq: Harness) -> None:
    keep(genq)
    sunday_night = week_of(THEN) + WEEK - timedelta(seconds=1)

    keep(genq, sunday_night + genq.settings.retention)

    assert names_of([week_of(THEN)]) <= old_partitions(genq)
    assert not names_of([week_of(THEN) - WEEK]) & old_partitions(genq)


def test_a_week_with_an_unfinished_job_is_kept_and_the_others_are_not(genq: Harness) -> None:
    keep(genq)
    genq.sql(
        "INSERT INTO live (job_id, lane, tenant_id, state, priority)"
        " VALUES (:id, 1, 1, :held, 5)",
        id=first_key(THEN),
        held=int(JobState.HELD),
    )
    much_later = THEN + timedelta(days=120)

    keep(genq, much_later)

    assert old_partitions(genq) == names_of(
        [week_of(THEN), *weeks_from(much_later - WEEK, much_later + AHEAD)]
    )


def test_a_week_under_a_legal_hold_is_kept_until_it_is_released(genq: Harness) -> None:
    keep(genq)
    tenant = genq.tenant("acme").id
    genq.sql(
        "INSERT INTO legal_hold (tenant_id, job_id, reason, placed_by)"
        " VALUES (:tenant, :job, 'case 1', 'ann')",
        tenant=tenant,
        job=first_key(THEN),
    )
    later = THEN + genq.settings.retention + 5 * WEEK
    keep(genq, later)
    held = {partition_name(table, week_of(THEN)) for table in PARTITIONED}
    assert held <= old_partitions(genq)
    assert partition_name("job", week_of(THEN) - WEEK) not in old_partitions(genq)

    genq.sql("UPDATE legal_hold SET released_at = now()")
    keep(genq, later)
    assert held & old_partitions(genq) == set()


def test_idempotency_keys_are_forgotten_when_their_time_is_over(genq: Harness) -> None:
    genq.submit(key="old")
    genq.advance(genq.settings.idempotency_ttl + timedelta(seconds=1))
    genq.submit(key="new")

    keep(genq)

    assert [row.key for row in genq.sql("SELECT key FROM idempotency")] == ["new"]


def test_flows_that_slept_for_a_day_are_forgotten_and_others_are_not(genq: Harness) -> None:
    for tenant in ("gone", "recent", "awake"):
        genq.submit(tenant=tenant)
    genq.run_until_idle()
    genq.submit(tenant="awake")
    genq.sql("UPDATE flow SET touched_at = now() - interval '25 hours'")
    genq.sql(
        "UPDATE flow SET touched_at = now() - interval '23 hours' WHERE tenant_id = :id",
        id=genq.tenant("recent").id,
    )

    keep(genq)

    left = {row.tenant_id for row in genq.sql("SELECT tenant_id FROM flow")}
    assert left == {genq.tenant("recent").id, genq.tenant("awake").id}


def test_a_tenant_whose_flow_was_forgotten_comes_back_as_usual(genq: Harness) -> None:
    genq.submit()
    genq.run_until_idle()
    genq.sql("UPDATE flow SET touched_at = now() - interval '25 hours'")
    keep(genq)
    forgotten = genq.sql("SELECT 1 FROM flow")

    job_id = genq.submit()
    genq.run_until_idle()

    assert forgotten == []
    assert genq.job(job_id).state is JobState.SUCCEEDED


def test_dead_sessions_are_forgotten_after_an_hour_unless_a_job_still_names_them(
    genq: Harness,
) -> None:
    genq.submit()
    genq.release()
    needed = genq.claim_one().session_id
    genq.new_worker()
    old = genq.session.id
    genq.sql("UPDATE session SET expires_at = now() - interval '61 minutes'")
    genq.new_worker()
    recent = genq.session.id
    genq.sql(
        "UPDATE session SET expires_at = now() - interval '59 minutes' WHERE id = :id",
        id=recent,
    )
    genq.new_worker()
    alive = genq.session.id

    keep(genq)

    left = {row.id for row in genq.sql("SELECT id FROM session")}
    assert left == {needed, recent, alive}
    assert old not in left
