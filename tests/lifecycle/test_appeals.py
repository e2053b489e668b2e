"""Appeals are decided by somebody else; what should not have been blocked is done over once."""

import asyncio

import orjson
import pytest

from infra.postgres.review_queue import ReviewItem
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.review_errors import ReviewBarredError
from tests.fixtures.reviewing import ADA, APPROVE, BEN, DOUBTFUL, REJECT, Office


def _blocked(office: Office) -> JobRecord:
    job_id, item = office.held(DOUBTFUL, priority=1, end_user="ada")
    office.decide(ADA, item, REJECT)
    return office.genq.job(job_id)


def test_an_overturned_appeal_does_the_job_over_exactly_once(office: Office) -> None:
    """Whoever decided before may not decide; two who click at once make one job."""
    genq = office.genq
    job = _blocked(office)
    tenant = genq.tenant("acme")

    async def appeal_twice() -> list[bool]:
        tries = [office.appeals.add(tenant, job, "it is a kite") for _ in range(2)]
        return sorted(new for _, new in await asyncio.gather(*tries))

    assert genq.do(appeal_twice()) == [False, True]
    item = office.item(format_id("job", job.id))
    with pytest.raises(ReviewBarredError):
        office.decide(ADA, item)
    genq.do(office.desk.claim(BEN, item.id))

    async def click_twice() -> list[bool]:
        clicks = [office.desk.decide(BEN, item.id, APPROVE) for _ in range(2)]
        found = await asyncio.gather(*clicks, return_exceptions=True)
        return sorted(isinstance(one, ReviewItem) for one in found)

    assert genq.do(click_twice()) == [False, True]
    (again,) = genq.sql("SELECT id, priority, lane FROM job WHERE redrive_of = :id", id=job.id)
    assert (again.priority, again.lane) == (1, job.lane.number)
    genq.run_until_idle()
    assert genq.job(format_id("job", again.id)).state is JobState.SUCCEEDED
    (appeal,) = genq.sql("SELECT state, requeued_as FROM appeal")
    assert (appeal.state, appeal.requeued_as) == (2, again.id)
    old = genq.job(format_id("job", job.id))
    assert (old.verdict or {})["label"] == "false_positive"
    assert genq.events(format_id("job", job.id)) == ["job.blocked", "job.appeal_decided"]


def test_an_upheld_appeal_changes_nothing(office: Office) -> None:
    """The job stays as it is, and its owner hears of it."""
    genq = office.genq
    job = _blocked(office)
    genq.do(office.appeals.add(genq.tenant("acme"), job, "please"))
    office.decide(BEN, office.item(format_id("job", job.id)), REJECT)
    assert genq.sql("SELECT 1 FROM job WHERE redrive_of IS NOT NULL") == []
    assert genq.sql("SELECT state FROM appeal")[0].state == 1
    rows = genq.sql("SELECT body FROM outbox WHERE type = 'job.appeal_decided'")
    assert orjson.loads(rows[0].body)["data"]["appeal"]["state"] == "upheld"
