"""People decide about what is held: it goes on, or ends, exactly once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest

from infra.objectstore.directory import DirectoryStore
from infra.objectstore.store import StoredObject
from infra.postgres.review_queue import Reviewer, ReviewItem
from schemas.errors import GenqError, ObjectMissingError
from schemas.ids import parse_id
from schemas.job_states import AttemptOutcome, JobState
from schemas.review_errors import ReviewBarredError, ReviewOverError, ReviewTakenError
from schemas.safety import Action
from tests.fixtures.auditor import assert_clean
from tests.fixtures.harness import Harness
from tests.fixtures.judging import Seer, judge
from tests.fixtures.reviewing import (
    ADA,
    APPROVE,
    BEN,
    DOUBTFUL,
    ESCALATE,
    LEAD,
    PERHAPS_NEVER,
    REJECT,
    Office,
    let_people_decide,
)


def _events(genq: Harness, job_id: str) -> Sequence[dict[str, Any]]:
    rows = genq.sql(
        "SELECT body FROM outbox WHERE job_id = :id AND kind = 1", id=parse_id("job", job_id)
    )
    return [orjson.loads(row.body) for row in rows]


def test_an_approved_prompt_runs_at_its_old_place_and_is_not_held_again(office: Office) -> None:
    """Its deadline moves by the time that it waited; one that its caller has set does not."""
    genq = office.genq
    job_id, item = office.held(DOUBTFUL, priority=2, webhook=None)
    own, own_item = office.held(DOUBTFUL, priority=3, deadline=7200)
    hour = timedelta(hours=1)
    genq.sql("UPDATE review_item SET created_at = created_at - :by", by=hour)
    before = [genq.job(one).deadline for one in (job_id, own)]
    assert office.decide(ADA, item).outcome is Action.ALLOW
    office.decide(ADA, own_item)
    waits = genq.job(job_id)
    assert (waits.state, waits.priority) == (JobState.READY, 2)
    assert waits.verdict is not None
    assert waits.verdict["decided_by_people"] is True
    moved = [genq.job(one).deadline for one in (job_id, own)]
    assert moved[0] is not None
    assert before[0] is not None
    assert moved[0] - before[0] >= hour
    assert moved[1] == before[1]
    genq.run_until_idle()
    assert genq.job(job_id).state is JobState.SUCCEEDED
    assert len(genq.provider.calls) == 2
    entries = genq.sql("SELECT actor, detail FROM audit_log WHERE action = 'review.decided'")
    assert [entry.detail["led_to"] for entry in entries] == ["approve", "approve"]
    with pytest.raises(ReviewOverError, match="was decided: allow"):
        office.decide(BEN, item)


def _output_held(office: Office) -> tuple[str, ReviewItem, bytes]:
    judge(office.genq, Seer())
    job_id, item = office.held(DOUBTFUL, webhook={"url": "https://example.com/hook"})
    (apart,) = office.stored()
    assert apart.startswith("quarantine/")
    return job_id, item, (office.genq.objects / apart).read_bytes()


def test_an_approved_output_is_handed_out_as_it_was_made(office: Office) -> None:
    """Byte by byte, and no model is asked again; one event, one delivery, one result."""
    genq = office.genq
    job_id, item, made = _output_held(office)
    office.decide(ADA, item)
    job = genq.job(job_id)
    assert job.state is JobState.SUCCEEDED
    assert (genq.objects / job.artifacts[0].key).read_bytes() == made
    assert len(genq.provider.calls) == 1
    office.tidy()
    assert office.stored() == [job.artifacts[0].key]
    assert genq.sql("SELECT 1 FROM review_item WHERE pending IS NOT NULL") == []
    assert genq.outcomes(job_id) == [AttemptOutcome.HELD]
    (event,) = _events(genq, job_id)
    assert event["type"] == "job.succeeded"
    assert event["data"]["safety"]["automated"] is False
    assert len(genq.sql("SELECT 1 FROM delivery")) == 1
    assert genq.sql("SELECT 1 FROM live") == []
    genq.run_until_idle()
    assert len(genq.provider.calls) == 1
    genq.do(assert_clean(genq._engine, genq.settings, [job_id]))


class _PowerCut(DirectoryStore):
    """A store in a process that dies right after pictures were published."""

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store, and die."""
        await super().put(key, data, content_type)
        raise KeyboardInterrupt


class _Emptied(DirectoryStore):
    """A store from which somebody else has just cleared what waited."""

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> StoredObject:
        """Find nothing."""
        del start, end
        raise ObjectMissingError(key)


def test_an_output_that_is_cleared_while_it_is_approved_is_told_as_over(office: Office) -> None:
    """Not as a fault of the store: its job was cancelled in the same moment."""
    genq = office.genq
    job_id, item, _ = _output_held(office)
    office.desk._effects._store = _Emptied(genq.objects)
    with pytest.raises(ReviewOverError, match="cancelled or has expired"):
        office.decide(ADA, item)
    assert genq.job(job_id).state is JobState.HELD


def test_a_crash_between_the_copy_and_the_commit_is_harmless(office: Office) -> None:
    """Decided again, the output is handed out once; withdrawn, no copy of it is left."""
    genq = office.genq
    job_id, item, made = _output_held(office)
    whole, office.desk._effects._store = office.desk._effects._store, _PowerCut(genq.objects)
    with pytest.raises(KeyboardInterrupt):
        office.decide(ADA, item)
    office.desk._effects._store = whole
    assert len(office.stored()) == 2
    assert genq.job(job_id).state is JobState.HELD
    office.decide(ADA, item)
    office.tidy()
    (key,) = office.stored()
    assert (genq.objects / key).read_bytes() == made
    other = genq.submit(DOUBTFUL)
    genq.run_until_idle()
    other_item = office.item(other)
    genq.do(office.desk._effects.publish(other_item))
    assert len(office.stored()) == 3
    office.cancel(other)
    office.tidy()
    assert office.stored() == [key]


def test_a_rejected_output_is_blocked_and_nowhere(office: Office) -> None:
    """Its owner learns that a person decided; the pictures are deleted."""
    genq = office.genq
    job_id, item, _ = _output_held(office)
    office.decide(ADA, item, REJECT)
    job = genq.job(job_id)
    assert job.state is JobState.BLOCKED
    assert job.error is not None
    assert job.error["code"] == "output_withheld"
    assert "decided by a person" in job.error["message"]
    (event,) = _events(genq, job_id)
    safety = event["data"]["safety"]
    assert (safety["verdict"], safety["automated"]) == ("block", False)
    assert safety["reasons"][0]["rule"] == "review"
    office.tidy()
    assert office.stored() == []


def test_a_job_that_was_cancelled_while_held_ends_once(office: Office) -> None:
    """Who decides too late is told so; the item is withdrawn, even when its time is over."""
    genq = office.genq
    job_id, item = office.held(DOUBTFUL)
    genq.do(office.desk.claim(ADA, item.id))
    office.cancel(job_id)
    with pytest.raises(ReviewOverError, match="does not wait"):
        genq.do(office.desk.decide(ADA, item.id, APPROVE))
    genq.sql("UPDATE review_item SET due_at = now()")
    office.tidy()
    office.tidy()
    assert office.item(job_id).state.word == "withdrawn"
    assert genq.job(job_id).state is JobState.CANCELLED
    assert genq.events(job_id) == ["job.cancelled"]


def test_time_decides_where_nobody_does_as_the_policy_says(office: Office) -> None:
    """Block, unless it says allow; two dispatchers at once do it once."""
    genq = office.genq
    blocked, _ = office.held(DOUBTFUL)
    allowed, _ = office.held(DOUBTFUL)
    genq.sql(
        "UPDATE review_item SET on_timeout = 0 WHERE job_id = :id", id=parse_id("job", allowed)
    )
    office.tidy()
    assert genq.job(blocked).state is JobState.HELD
    genq.sql("UPDATE review_item SET due_at = now() - interval '1 second'")
    second = Office(genq)

    async def both() -> None:
        await asyncio.gather(office.janitor.sweep(), second.janitor.sweep())

    genq.do(both())
    genq.run_until_idle()
    assert genq.events(blocked) == ["job.blocked"]
    assert genq.events(allowed) == ["job.succeeded"]
    assert office.item(blocked).state.word == "timed_out"
    (event,) = _events(genq, blocked)
    assert event["data"]["safety"]["automated"] is True
    assert "nobody decided in time" in event["data"]["error"]["message"]
    assert len(genq.sql("SELECT 1 FROM audit_log WHERE action = 'review.timed_out'")) == 2


def test_two_people_decide_about_the_gravest_and_a_lead_if_they_differ(office: Office) -> None:
    """One person alone is not enough, and nobody is two persons."""
    genq = office.genq
    same, item = office.held(PERHAPS_NEVER)
    assert item.needs == 2
    assert office.decide(ADA, item, REJECT).state.word == "open"
    assert genq.job(same).state is JobState.HELD
    with pytest.raises(ReviewBarredError):
        office.decide(ADA, item, REJECT)
    assert office.decide(BEN, item, REJECT).state.word == "decided"
    assert genq.job(same).state is JobState.BLOCKED

    other, item = office.held(PERHAPS_NEVER)
    office.decide(ADA, item, REJECT)
    assert office.decide(BEN, item, APPROVE).escalated
    assert genq.job(other).state is JobState.HELD
    carol = Reviewer("key carol", None)
    with pytest.raises(ReviewBarredError, match="review:lead"):
        office.decide(carol, item)
    office.decide(LEAD, item)
    genq.run_until_idle()
    assert genq.job(other).state is JobState.SUCCEEDED

    third, item = office.held(DOUBTFUL)
    assert office.decide(ADA, item, ESCALATE).escalated
    office.decide(LEAD, item, REJECT)
    assert genq.job(third).state is JobState.BLOCKED


def test_two_reviewers_never_hold_one_item(office: Office) -> None:
    """However many ask at once; a lease that ran out frees it."""
    genq = office.genq
    _, item = office.held(DOUBTFUL)
    people = [Reviewer(f"key {n}", None) for n in range(6)]

    async def all_claim() -> list[bool]:
        tries = [office.desk.claim(one, item.id) for one in people]
        found = await asyncio.gather(*tries, return_exceptions=True)
        for one in found:
            assert isinstance(one, (ReviewItem, ReviewTakenError)), one
        return [isinstance(one, ReviewItem) for one in found]

    won = genq.do(all_claim())
    assert sum(won) == 1
    loser = people[won.index(False)]
    with pytest.raises(GenqError):
        genq.do(office.desk.decide(loser, item.id, REJECT))
    genq.sql("UPDATE review_item SET claimed_until = now()")
    assert genq.do(office.desk.claim(loser, item.id)).claimed_by == loser.name
    with pytest.raises(ReviewTakenError):
        genq.do(office.desk.decide(people[won.index(True)], item.id, REJECT))


def test_a_sample_of_what_went_through_holds_nothing_up(genq: Harness) -> None:
    """The share is the policy's; a job is one item, however often it is attempted."""
    let_people_decide(genq, review={"sample": {"allow": 1.0, "flag": 0.0}})
    judge(genq)
    flagged = genq.submit("a doubtful thing [doubt 0.35]")
    genq.run_until_idle()
    job_id = genq.submit("a red kite")
    genq.release()
    with genq.worker_dies_after("generate"):
        genq.work(genq.sent.popleft())
    genq.silence_workers()
    genq.new_worker()
    genq.run_until_idle()
    assert genq.job(job_id).state is JobState.SUCCEEDED
    (item,) = genq.sql(
        "SELECT origin, holds, state FROM review_item WHERE job_id = :id",
        id=parse_id("job", job_id),
    )
    assert (item.origin, item.holds, item.state) == ("sample", False, 0)
    assert (
        genq.sql("SELECT 1 FROM review_item WHERE job_id = :id", id=parse_id("job", flagged))
        == []
    )
