"""Appeals are decided by somebody else; what should not have been blocked is done over once."""

import asyncio

import orjson
import pytest

from infra.postgres.review_queue import ReviewItem
from schemas.chat import Platform, chat_url
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


def test_what_a_chat_asked_for_is_shown_there_when_its_appeal_is_granted(
    office: Office,
) -> None:
    """In a message of its own, at the same place, for the same person."""
    genq = office.genq
    job = _blocked(office)
    genq.sql(
        "INSERT INTO chat_message (id, job_id, tenant_id, platform, place_id, user_id, command,"
        " title, ref, state, ended_at) VALUES (uuidv7(), :job, :tenant, 'telegram', '-100',"
        """ '7', 'imagine', 'Image #2', '{"channel": "-100", "message": "5", "thread": "3"}',"""
        " 2, now()) RETURNING id",
        job=job.id,
        tenant=job.tenant_id,
    )
    genq.do(office.appeals.add(genq.tenant("acme"), job, "it is a kite"))
    office.decide(BEN, office.item(format_id("job", job.id)), APPROVE)
    old, new = genq.sql("SELECT * FROM chat_message ORDER BY id")
    same = ("tenant_id", "platform", "place_id", "user_id", "command", "title")
    assert [getattr(new, name) for name in same] == [getattr(old, name) for name in same]
    assert (new.state, new.ref) == (1, {"channel": "-100", "thread": "3"})
    genq.run_until_idle()
    rows = genq.sql(
        "SELECT DISTINCT d.url FROM delivery d JOIN outbox o ON o.id = d.event_id"
        " WHERE o.job_id = :id",
        id=new.job_id,
    )
    assert [row.url for row in rows] == [chat_url(Platform.TELEGRAM, "-100", new.id)]
