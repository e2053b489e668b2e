"""What a tenant may not have, none of its schedules gets it either."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.permission_errors import PermissionDeniedError
from schemas.schedule import ScheduleRun
from tests.fixtures.scheduling import IMAGE, Clockwork


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("suspended_at = now()", "tenant acme is suspended"),
        ("allowed_lanes = '{1}'", "lane 'fast' is not allowed; allowed: turbo"),
        ("allowed_kinds = '{}'", "kind 'image' is not allowed; allowed: none"),
    ],
)
def test_a_slot_that_comes_is_refused_and_told_and_the_next_one_is_served(
    clockwork: Clockwork, change: str, told: str
) -> None:
    schedule = clockwork.create()
    clockwork.genq.sql(f"UPDATE tenant SET {change}")
    slot = clockwork.make_due(timedelta(seconds=2))

    clockwork.serve()

    assert clockwork.jobs() == []
    (run,) = clockwork.runs(schedule)
    assert (run.slot, run.job_id) == (slot, None)
    assert told in (run.error or "")
    clockwork.genq.sql(
        "UPDATE tenant SET suspended_at = NULL, allowed_lanes = NULL, allowed_kinds = NULL"
    )
    later = clockwork.make_due()
    clockwork.serve()
    (job,) = clockwork.jobs()
    assert clockwork.runs(schedule)[0] == ScheduleRun(later, job, None)


def test_a_schedule_of_what_is_not_allowed_is_refused_at_once(clockwork: Clockwork) -> None:
    clockwork.tenant = replace(clockwork.tenant, allowed_models=frozenset({"other"}))

    with pytest.raises(PermissionDeniedError) as refused:
        clockwork.create(request={**IMAGE, "model": "test-image"})

    assert [field.pointer for field in refused.value.fields] == ["/request/model"]
    assert "allowed: other" in refused.value.message
