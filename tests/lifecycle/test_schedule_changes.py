"""Schedules as their tenants keep them: made, judged, changed, triggered."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas.errors import InputError, NotFoundError, UnknownModelError
from schemas.queue_errors import NameTakenError
from schemas.schedule import ScheduleChange
from tests.fixtures.scheduling import IMAGE, Clockwork


def test_a_trigger_submits_now_and_moves_nothing(clockwork: Clockwork) -> None:
    schedule = clockwork.create(paused=True)

    async def trigger(key: str | None) -> UUID:
        how = clockwork.schedules.trigger(clockwork.tenant, schedule.id, idempotency_key=key)
        return (await how).job.id

    first = clockwork.genq.do(trigger("k"))
    again = clockwork.genq.do(trigger("k"))
    other = clockwork.genq.do(trigger(None))

    assert first == again
    assert clockwork.jobs() == [first, other]
    assert {run.job_id for run in clockwork.runs(schedule)} == {first, other}
    assert clockwork.read(schedule).next_at == schedule.next_at


def test_a_new_expression_counts_from_now(clockwork: Clockwork) -> None:
    schedule = clockwork.create()
    clockwork.make_due(timedelta(days=1))

    changed = clockwork.change(schedule, cron="0 0 29 2 *", name="leap day")

    assert changed.next_at
    assert (changed.next_at.month, changed.next_at.day) == (2, 29)
    assert clockwork.read(schedule).name == "leap day"
    clockwork.serve()
    assert clockwork.jobs() == []


def test_a_name_is_one_schedules(clockwork: Clockwork) -> None:
    clockwork.create("a")
    other = clockwork.create("b")

    with pytest.raises(NameTakenError):
        clockwork.create("a")
    with pytest.raises(NameTakenError):
        clockwork.change(other, name="a")
    assert clockwork.read(other).name == "b"


def refused(clockwork: Clockwork, **more: Any) -> set[str]:
    with pytest.raises(InputError) as error:
        clockwork.create(**more)
    return {fault.pointer for fault in error.value.fields}


def test_a_request_is_judged_when_the_schedule_is_made(clockwork: Clockwork) -> None:
    nameless = {**IMAGE, "input": {"promt": "x"}}
    when = {**IMAGE, "run_at": "2030-01-01T00:00:00Z", "deadline": "2031-01-01T00:00:00Z"}

    assert "/request/input/promt" in refused(clockwork, request=nameless)
    assert refused(clockwork, request=when) == {"/request/run_at", "/request/deadline"}
    assert refused(clockwork, cron="61 * * * *") == {"/cron"}
    assert refused(clockwork, cron="0 0 */28 2 SUN#2") == {"/cron"}
    assert refused(clockwork, timezone="Mars/Base") == {"/timezone"}
    with pytest.raises(UnknownModelError):
        clockwork.create(request={**IMAGE, "model": "gone"})


def test_another_tenants_schedule_is_not_there(clockwork: Clockwork) -> None:
    schedule = clockwork.create()
    stranger = clockwork.genq.tenant("other")

    with pytest.raises(NotFoundError):
        clockwork.genq.do(
            clockwork.schedules.change(stranger, schedule.id, ScheduleChange(paused=True))
        )
    with pytest.raises(NotFoundError):
        clockwork.genq.do(
            clockwork.schedules.trigger(stranger, schedule.id, idempotency_key=None)
        )


def test_runs_past_retention_are_dropped(clockwork: Clockwork) -> None:
    schedule = clockwork.create()
    clockwork.genq.sql(
        "INSERT INTO schedule_run (schedule_id, slot) VALUES (:id, now() - interval '90 days')",
        id=schedule.id,
    )
    slot = clockwork.make_due()

    clockwork.serve()

    assert [run.slot for run in clockwork.runs(schedule)] == [slot]
