"""A tenant's share is charged for what its jobs took, not for what they seemed to take."""

from dataclasses import replace

import pytest

from schemas.generation import Usage
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.harness import Harness
from worker.pipeline.job_run import JobRun
from worker.providers.provider import Reply

# One image of one megapixel at the ordinary weight.
ONE_JOB = 1_000_000


class Says:
    """A stage that stands for a model server which tells what it did."""

    name = "says"

    def __init__(self, images: int | None) -> None:
        self._usage = Usage(images=images)

    async def __call__(self, run: JobRun) -> JobRun:
        return replace(run, output=Reply(usage=self._usage))


def vtime(genq: Harness) -> int:
    return genq.sql("SELECT vtime FROM flow")[0].vtime


@pytest.mark.parametrize(
    ("images", "more"), [(3, 2 * ONE_JOB), (1, 0), (None, 0), (0, -950_000)]
)
def test_the_share_is_corrected_when_the_job_has_ended(
    genq: Harness, images: int | None, more: int
) -> None:
    job_id = genq.submit()
    genq.release()
    charged = vtime(genq)
    genq.stages = (Says(images),)

    genq.work_one()

    assert genq.outcomes(job_id) == [AttemptOutcome.OK]
    assert vtime(genq) - charged == more


def test_a_heavy_tenant_is_corrected_by_its_weight(genq: Harness) -> None:
    genq.tenant("acme", weight=4000)
    genq.submit()
    genq.release()
    charged = vtime(genq)
    genq.stages = (Says(3),)

    genq.work_one()

    assert vtime(genq) - charged == 2 * ONE_JOB // 4


def test_no_correction_turns_the_clock_back_to_before_its_beginning(genq: Harness) -> None:
    genq.submit()
    genq.release()
    genq.sql("UPDATE flow SET vtime = 10")
    genq.stages = (Says(0),)

    genq.work_one()

    assert vtime(genq) == 0


def test_a_full_flow_is_freed_and_corrected_in_one_step(genq: Harness) -> None:
    genq.tenant("acme", max_inflight=1)
    genq.submit()
    second = genq.submit()
    genq.release()
    charged = vtime(genq)
    genq.stages = (Says(2),)

    genq.work_one()

    (flow,) = genq.sql("SELECT park_reason, parked_until, vtime FROM flow")
    assert (flow.park_reason, flow.parked_until) == (None, None)
    assert flow.vtime - charged == ONE_JOB
    genq.run_until_idle()
    assert genq.job(second).state is JobState.SUCCEEDED


def test_the_ledger_keeps_how_often_a_job_was_released(genq: Harness) -> None:
    genq.submit()
    genq.release()
    genq.sent.clear()
    genq.advance(2 * genq.settings.release_ttl)

    genq.run_until_idle()

    (job,) = genq.sql("SELECT releases FROM job")
    assert job.releases == 2
