"""A result that PostgreSQL does not take ends like any other failure; no job runs for ever."""

from dataclasses import replace
from datetime import timedelta

from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.harness import Harness
from worker.pipeline.job_run import JobRun
from worker.pipeline.run import Stage

LATER = timedelta(minutes=10)
# Half of a pair of surrogates: no encoding has bytes for it.
UNFIT = "half a pair: \ud83d"


class Spoiling:
    """A stage that makes the model's words unfit to be stored."""

    def __init__(self, words: str) -> None:
        self.name = "spoil"
        self._words = words

    async def __call__(self, run: JobRun) -> JobRun:
        assert run.output is not None
        return replace(run, output=replace(run.output, text=self._words))


def test_a_result_that_cannot_be_stored_is_tried_again_and_then_given_up(genq: Harness) -> None:
    spoiling: Stage = Spoiling(UNFIT)
    genq.stages = (*genq.stages, spoiling)
    job_id = genq.submit()
    attempts = genq.settings.max_attempts

    for _ in range(attempts):
        genq.run_until_idle()
        genq.advance(LATER)

    job = genq.job(job_id)
    assert (job.state, job.attempts) == (JobState.DEAD, attempts)
    assert job.error is not None
    assert job.error["code"] == "internal_error"
    assert genq.outcomes(job_id) == [AttemptOutcome.ERROR] * attempts
    assert genq.events(job_id) == ["job.failed"]


def test_a_result_that_cannot_be_stored_does_not_hold_up_another_job(genq: Harness) -> None:
    whole = genq.stages
    genq.stages = (*whole, Spoiling(UNFIT))
    spoiled = genq.submit()
    genq.release()
    genq.work_one()
    genq.stages = whole
    sound = genq.submit()

    genq.run_until_idle()

    assert genq.job(spoiled).state is JobState.SCHEDULED
    assert genq.job(sound).state is JobState.SUCCEEDED
