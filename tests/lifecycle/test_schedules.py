"""Recurring schedules: one job per slot, whoever serves them, and whatever fails on the way."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from infra.postgres.engine import create_engine, transaction
from infra.postgres.schedules import lock_due_schedule
from producer.dispatcher.schedules import ScheduleServer
from producer.submit import Submitter
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.schedule import ScheduleRun
from tests.fixtures.fakes import WorkerDied
from tests.fixtures.scheduling import IMAGE, Clockwork


def test_a_slot_that_comes_is_one_job(clockwork: Clockwork) -> None:
    schedule = clockwork.create()
    slot = clockwork.make_due()

    clockwork.serve()
    clockwork.serve()

    (job,) = clockwork.jobs()
    assert clockwork.runs(schedule) == [ScheduleRun(slot, job, None)]
    after = clockwork.read(schedule)
    assert after.next_at == schedule.next_at
    assert after.last_run == ScheduleRun(slot, job, None)
    assert clockwork.genq.sql("SELECT schedule_id FROM job")[0].schedule_id == schedule.id
    clockwork.genq.run_until_idle()
    assert clockwork.genq.events(format_id("job", job)) == ["job.succeeded"]


def test_what_is_not_due_is_left_alone_until_its_time(clockwork: Clockwork) -> None:
    clockwork.create()

    left = clockwork.serve()

    assert clockwork.jobs() == []
    assert left is not None
    assert left > timedelta(0)


def test_the_first_slot_is_the_next_one(clockwork: Clockwork) -> None:
    now = clockwork.genq.sql("SELECT date_trunc('minute', now()) AS now")[0].now

    schedule = clockwork.create(cron="* * * * *")

    assert schedule.next_at in {now + timedelta(minutes=1), now + timedelta(minutes=2)}


def test_many_dispatchers_at_once_make_one_job_per_slot(clockwork: Clockwork) -> None:
    for number in range(30):
        clockwork.create(f"s{number}")
    clockwork.make_due()

    async def together() -> None:
        await asyncio.gather(*[clockwork.server().serve() for _ in range(5)])

    clockwork.genq.do(together())

    rows = clockwork.genq.sql("SELECT schedule_id, count(*) AS jobs FROM job GROUP BY 1")
    assert Counter(row.jobs for row in rows) == {1: 30}
    assert clockwork.genq.sql("SELECT count(*) FROM schedule_run")[0][0] == 30


def test_while_one_dispatcher_serves_another_finds_nothing(clockwork: Clockwork) -> None:
    clockwork.create()
    clockwork.make_due()

    async def scenario() -> None:
        async with transaction(clockwork.genq._engine) as connection:
            assert await lock_due_schedule(connection)
            await clockwork.server().serve()

    clockwork.genq.do(scenario())
    assert clockwork.jobs() == []


def test_a_dispatcher_that_dies_before_its_commit_leaves_the_slot_to_the_next_one(
    clockwork: Clockwork,
) -> None:
    schedule = clockwork.create()
    slot = clockwork.make_due()

    server = clockwork.server()
    server._rehearsed.add((Kind.IMAGE, None))

    async def die() -> None:
        async with transaction(clockwork.genq._engine) as connection:
            found = await lock_due_schedule(connection)
            assert found
            await server._serve(connection, found)
            raise WorkerDied

    with pytest.raises(WorkerDied):
        clockwork.genq.do(die())
    assert clockwork.jobs() == []
    assert clockwork.runs(schedule) == []

    clockwork.serve()

    (job,) = clockwork.jobs()
    assert clockwork.runs(schedule) == [ScheduleRun(slot, job, None)]


def test_a_slot_that_was_served_is_not_served_again(clockwork: Clockwork) -> None:
    schedule = clockwork.create()
    slot = clockwork.make_due()
    clockwork.serve()

    clockwork.genq.sql("UPDATE schedule SET next_at = :slot", slot=slot)
    clockwork.serve()

    assert len(clockwork.jobs()) == 1
    assert [run.slot for run in clockwork.runs(schedule)] == [slot]
    assert clockwork.read(schedule).next_at == schedule.next_at


def test_missed_slots_are_made_up_for_once(clockwork: Clockwork) -> None:
    schedule = clockwork.create(cron="0 0 * * *", catch_up="once")
    clockwork.make_due(timedelta(days=3))

    clockwork.serve()

    (run,) = clockwork.runs(schedule)
    assert [run.job_id] == clockwork.jobs()
    following = clockwork.read(schedule).next_at
    assert following is not None
    assert following - run.slot == timedelta(days=1)


def test_missed_slots_are_skipped_on_demand(clockwork: Clockwork) -> None:
    schedule = clockwork.create(cron="0 0 29 2 *", catch_up="skip")
    clockwork.make_due(timedelta(days=3))

    clockwork.serve()

    (run,) = clockwork.runs(schedule)
    assert clockwork.jobs() == []
    assert run.error
    assert "missed" in run.error
    after = clockwork.read(schedule)
    assert after.error is None
    assert after.next_at
    assert (after.next_at.month, after.next_at.day) == (2, 29)


def test_a_paused_schedule_is_not_served_and_resumes_from_now(clockwork: Clockwork) -> None:
    schedule = clockwork.create()
    clockwork.change(schedule, paused=True)
    clockwork.make_due()

    clockwork.serve()
    assert clockwork.jobs() == []

    resumed = clockwork.change(schedule, paused=False)
    assert resumed.next_at == schedule.next_at
    clockwork.serve()
    assert clockwork.jobs() == []


def test_a_schedule_whose_model_is_gone_does_not_hold_up_the_others(
    clockwork: Clockwork,
) -> None:
    broken = clockwork.create("a-broken")
    clockwork.create("b-good")
    clockwork.genq.sql(
        'UPDATE schedule SET request = request || \'{"model": "gone"}\' WHERE id = :id',
        id=broken.id,
    )
    slot = clockwork.make_due()

    clockwork.serve()

    assert len(clockwork.jobs()) == 1
    after = clockwork.read(broken)
    assert after.error
    assert "gone" in after.error
    assert after.next_at == broken.next_at
    assert clockwork.runs(broken) == [ScheduleRun(slot, None, after.error)]

    mended = clockwork.change(broken, request=IMAGE)
    assert mended.error is None


def test_a_stored_request_of_an_older_form_is_told_and_goes_on(clockwork: Clockwork) -> None:
    schedule = clockwork.create()
    clockwork.genq.sql("UPDATE schedule SET request = request || '{\"colour\": 1}'")
    clockwork.make_due()

    clockwork.serve()

    error = clockwork.read(schedule).error
    assert error
    assert "/colour" in error


def test_a_dispatcher_with_one_connection_serves(clockwork: Clockwork) -> None:
    clockwork.create()
    clockwork.make_due()
    genq = clockwork.genq

    async def scenario() -> None:
        few = genq.settings.model_copy(update={"database_pool_size": 1})
        engine = create_engine(few, process="dispatch")
        submitter = Submitter(engine, few, genq._doorbells)
        async with asyncio.timeout(4):
            await ScheduleServer(engine, few, genq._doorbells, submitter).serve()
        await engine.dispose()

    genq.do(scenario())
    assert len(clockwork.jobs()) == 1


def test_a_fault_of_genq_costs_its_slot_alone(clockwork: Clockwork) -> None:
    broken = clockwork.create("a-broken")
    clockwork.create("b-good")
    clockwork.make_due()
    clockwork.genq.sql(
        'UPDATE schedule SET request = request || \'{"tags": ["odd"]}\' WHERE id = :id',
        id=broken.id,
    )

    class Faulty:
        """Drafts what it should, but for one tag."""

        async def draft(self, tenant: Any, request: Any) -> Any:
            if request.tags:
                raise RuntimeError("nobody foresaw this")
            return await clockwork.genq._submitter.draft(tenant, request)

    genq = clockwork.genq
    server = ScheduleServer(genq._engine, genq.settings, genq._doorbells, Faulty())  # pyright: ignore[reportArgumentType] - a stand-in that fails
    genq.do(server.serve())

    assert len(clockwork.jobs()) == 1
    after = clockwork.read(broken)
    assert after.error
    assert "nobody" not in after.error
    assert after.next_at == broken.next_at


def test_a_schedule_whose_zone_is_gone_stands_still_and_says_so(clockwork: Clockwork) -> None:
    schedule = clockwork.create()
    clockwork.genq.sql("UPDATE schedule SET timezone = 'Atlantis/Poseidonis'")
    clockwork.make_due()

    clockwork.serve()

    after = clockwork.read(schedule)
    assert after.next_at is None
    assert after.error
    assert "Atlantis" in after.error


def test_a_unique_key_keeps_runs_from_overlapping(clockwork: Clockwork) -> None:
    schedule = clockwork.create(request={**IMAGE, "unique": {"key": "nightly"}})
    clockwork.make_due(timedelta(seconds=1))
    clockwork.serve()
    clockwork.make_due()

    clockwork.serve()

    latest, _ = clockwork.runs(schedule)
    (job,) = clockwork.jobs()
    assert latest.job_id is None
    assert latest.error
    assert format_id("job", job) in latest.error
    assert clockwork.read(schedule).error is None
