"""People decide about what is held: it goes on, or ends, exactly once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest

from infra.clock import SystemClock
from infra.objectstore.directory import DirectoryStore
from infra.postgres.review_queue import Reviewer, ReviewItem
from infra.safety.policies import Policies
from producer.cancel import Canceller
from producer.reviews.appeals import Appeals
from producer.reviews.desk import ReviewDesk
from producer.reviews.janitor import ReviewJanitor
from schemas.errors import GenqError
from schemas.ids import format_id, parse_id
from schemas.job import JobRecord
from schemas.job_states import AttemptOutcome, JobState
from schemas.review import Decision, ReviewDecision
from schemas.review_errors import ReviewBarredError, ReviewOverError, ReviewTakenError
from schemas.safety import Action
from tests.fixtures.auditor import assert_clean
from tests.fixtures.harness import Harness
from tests.fixtures.judging import Seer, judge

DOUBTFUL = "a doubtful thing [doubt 0.5]"
PERHAPS_NEVER = "perhaps never [weapons_mass_harm 0.4]"
APPROVE = ReviewDecision(decision=Decision.APPROVE, reason="harmless")
REJECT = ReviewDecision(decision=Decision.REJECT, reason="violates_policy", note="no")
ESCALATE = ReviewDecision(decision=Decision.ESCALATE, reason="unsure")
ADA, BEN = Reviewer("key ada", None), Reviewer("key ben", None)
LEAD = Reviewer("key lead", None, lead=True)


class Office:
    """The people who decide, and the dispatcher's part of it."""

    def __init__(self, genq: Harness) -> None:
        self.genq = genq
        engine, settings, bells = genq._engine, genq.settings, genq._doorbells
        clock = SystemClock()
        policies = Policies(engine, clock)
        self.appeals = Appeals(engine, settings, bells, clock, policies)
        self.desk = ReviewDesk(engine, settings, genq.store, bells, self.appeals)
        self.janitor = ReviewJanitor(engine, settings, genq.store, bells)
        self.canceller = Canceller(engine, settings, bells)

    def held(self, prompt: str, **request: Any) -> tuple[str, ReviewItem]:
        """Run a job until it is held; return it and its item."""
        job_id = self.genq.submit(prompt, **request)
        self.genq.run_until_idle()
        assert self.genq.job(job_id).state is JobState.HELD
        return job_id, self.item(job_id)

    def item(self, job_id: str) -> ReviewItem:
        """Return the newest item of a job."""
        rows = self.genq.sql(
            "SELECT id FROM review_item WHERE job_id = :id ORDER BY id DESC LIMIT 1",
            id=parse_id("job", job_id),
        )
        return self.genq.do(self.desk.get(ADA, rows[0].id))

    def decide(
        self, who: Reviewer, item: ReviewItem, said: ReviewDecision = APPROVE
    ) -> ReviewItem:
        """Claim and decide."""
        self.genq.do(self.desk.claim(who, item.id))
        return self.genq.do(self.desk.decide(who, item.id, said))

    def tidy(self) -> None:
        """Do what the dispatcher does."""
        self.genq.do(self.janitor.sweep())
        self.genq.do(self.janitor.clear())

    def stored(self) -> list[str]:
        """Return what lies in the object store."""
        root = self.genq.objects
        return sorted(str(path.relative_to(root)) for path in root.rglob("*.png"))

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        tenant = self.genq.tenant("acme")
        self.genq.do(self.canceller.cancel(tenant.id, parse_id("job", job_id)))


def _policy(genq: Harness, **more: Any) -> None:
    genq.tenant("acme")
    document = {
        "policy": "acme",
        "categories": {"doubt": {"flag": 0.3, "review": 0.4, "block": 0.9}},
        **more,
    }
    genq.sql(
        """INSERT INTO safety_policy (tenant_id, version, document, digest, created_by,
             activated_at)
           SELECT id, 1, CAST(:document AS jsonb), '', 'test', now() FROM tenant""",
        document=orjson.dumps(document).decode(),
    )


@pytest.fixture
def office(genq: Harness) -> Office:
    """Reviewers, and a policy that lets them decide about what is doubtful."""
    _policy(genq)
    judge(genq)
    return Office(genq)


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


def test_a_sample_of_what_went_through_holds_nothing_up(genq: Harness) -> None:
    """The share is the policy's; a job is one item, however often it is attempted."""
    _policy(genq, review={"sample": {"allow": 1.0, "flag": 0.0}})
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
