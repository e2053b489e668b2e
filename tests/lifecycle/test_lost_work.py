"""Workers die, stall and come back; messages vanish and double. The client must not notice."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from infra.endings import ending_of
from infra.postgres.finish import finish_jobs
from infra.postgres.sessions import disown_attempts, renew_session
from schemas.claim import Claim, Pointer
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.harness import Harness


def finish(genq: Harness, claim: Claim) -> bool:
    ending = ending_of(
        claim,
        state=JobState.SUCCEEDED,
        outcome=AttemptOutcome.OK,
        finished_at=claim.started_at,
        public_url="http://genq.invalid",
    )
    finished = genq.in_transaction(lambda connection: finish_jobs(connection, [ending]))
    return claim.job_id in finished.jobs


@pytest.mark.parametrize("stage", ["admit", "route", "generate", "store"])
def test_death_after_any_stage_ends_in_one_success_and_one_event(
    genq: Harness, stage: str
) -> None:
    job_id = genq.submit()
    genq.release()

    with genq.worker_dies_after(stage):
        genq.work_one()
    unnoticed = genq.job(job_id).state
    genq.silence_workers()
    genq.new_worker()
    genq.run_until_idle()

    assert unnoticed is JobState.RUNNING
    assert genq.job(job_id).state is JobState.SUCCEEDED
    assert genq.outcomes(job_id) == [AttemptOutcome.LOST, AttemptOutcome.OK]
    assert genq.events(job_id) == ["job.succeeded"]


def test_a_stalled_worker_cannot_finish_the_attempt_that_replaced_it(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()
    stalled = genq.claim_one()
    genq.silence_workers()
    genq.reap()
    genq.new_worker()
    genq.release()
    current = genq.claim_one()

    assert not finish(genq, stalled)
    assert finish(genq, current)

    assert genq.job(job_id).state is JobState.SUCCEEDED
    assert genq.events(job_id) == ["job.succeeded"]


def test_a_finish_whose_answer_was_lost_can_be_repeated(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()
    claim = genq.claim_one()

    assert finish(genq, claim)
    assert finish(genq, claim)

    assert genq.events(job_id) == ["job.succeeded"]


def test_a_start_whose_answer_was_lost_is_granted_again_to_the_same_session(
    genq: Harness,
) -> None:
    genq.submit()
    (pointer,) = genq.release()

    first = genq.claim(pointer)
    again = genq.claim(pointer)
    genq.new_worker()
    other = genq.claim(pointer)

    assert first == again
    assert other is None


def test_a_worker_without_a_living_session_starts_nothing(genq: Harness) -> None:
    genq.submit()
    (pointer,) = genq.release()

    genq.silence_workers()

    assert genq.claim(pointer) is None


def test_a_doubled_message_runs_once(genq: Harness) -> None:
    job_id = genq.submit()
    (pointer,) = genq.release()

    genq.work(pointer)
    genq.work(pointer)

    assert genq.outcomes(job_id) == [AttemptOutcome.OK]


def test_a_lost_message_is_released_again_under_a_new_fence(genq: Harness) -> None:
    job_id = genq.submit()
    (lost,) = genq.release()
    genq.sent.clear()

    genq.reap()
    too_early = genq.release()
    genq.advance(2 * genq.settings.release_ttl)
    genq.reap()
    (again,) = genq.release()
    genq.work(lost)
    genq.work(again)

    assert too_early == []
    assert again.fence > lost.fence
    assert genq.outcomes(job_id) == [AttemptOutcome.OK]


def test_a_message_that_still_waits_in_the_broker_is_not_released_again(genq: Harness) -> None:
    genq.submit()
    (pointer,) = genq.release()
    genq.advance(2 * genq.settings.release_ttl)

    genq.reap(waiting=[pointer.job_id])

    (row,) = genq.sql("SELECT state, fence FROM live")
    assert (row.state, row.fence) == (JobState.RELEASED, pointer.fence)


def test_a_message_older_than_the_oldest_that_waits_is_released_again(genq: Harness) -> None:
    genq.submit()
    (lost,) = genq.release()
    genq.advance(timedelta(milliseconds=100))
    genq.submit()
    genq.sent.clear()
    (waiting,) = genq.release()
    genq.advance(2 * genq.settings.release_ttl)

    genq.reap(waiting=[waiting.job_id])

    states = {row.job_id: row.state for row in genq.sql("SELECT job_id, state FROM live")}
    assert states == {lost.job_id: JobState.READY, waiting.job_id: JobState.RELEASED}


def test_an_attempt_that_its_worker_does_not_know_is_left_to_the_reaper(
    genq: Harness,
) -> None:
    job_id = genq.submit()
    genq.release()
    orphan = genq.claim_one()
    pointer = Pointer(orphan.job_id, orphan.fence)

    renewal = genq.in_transaction(
        lambda c: renew_session(c, orphan.session_id, genq.settings.session_ttl)
    )
    genq.in_transaction(lambda c: disown_attempts(c, orphan.session_id, [pointer]))
    genq.run_until_idle()

    assert renewal.running == (pointer,)
    assert genq.job(job_id).state is JobState.SUCCEEDED
    assert genq.outcomes(job_id) == [AttemptOutcome.LOST, AttemptOutcome.OK]


def test_a_statement_that_is_wrong_for_good_is_not_taken_for_an_outage(genq: Harness) -> None:
    too_long = "".join(chr(0x4E00 + number) for number in range(3000))

    with pytest.raises(DBAPIError, match="index row"):
        genq.sql(
            "INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin)"
            " VALUES (uuidv7(), uuidv7(), uuidv7(), 1, '', :origin)",
            origin=too_long,
        )


def test_a_job_that_kills_its_workers_is_given_up_with_one_event(genq: Harness) -> None:
    job_id = genq.submit()

    for _ in range(genq.settings.max_lost):
        genq.release()
        with genq.worker_dies_after("route"):
            genq.work_one()
        genq.silence_workers()
        genq.new_worker()
        genq.reap()

    job = genq.job(job_id)
    assert job.state is JobState.DEAD
    assert job.error is not None
    assert job.error["code"] == "worker_lost"
    assert genq.outcomes(job_id) == [AttemptOutcome.LOST] * genq.settings.max_lost
    assert genq.events(job_id) == ["job.failed"]
