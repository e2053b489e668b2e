"""The routes that cancel, as the OpenAPI document tells of them."""

from typing import Final

from producer.api.document import JOB_ID, PREFER, answer, problems
from producer.api.operations import Operation

CANCEL_JOB: Final = Operation(
    name="cancel_job",
    method="POST",
    path="/v1/jobs/{job_id}/cancel",
    summary="Cancel a job",
    description=(
        "A job that waits ends at once and never runs. Of one that runs, the call of its model "
        "is cut; with Prefer: wait=n the answer comes when it has ended. Cancelling twice is "
        "cancelling once."
    ),
    parameters=[JOB_ID, PREFER],
    answers={
        200: answer("The job has ended.", "JobView", headers=("Preference-Applied",)),
        202: answer(
            "The job runs; its worker was told to end it.",
            "JobView",
            headers=("Preference-Applied",),
        ),
    }
    | problems(
        _404="This tenant has no such job.",
        _409="The job ended before, and was not cancelled.",
        _413="The body, of which nothing is read, is too large.",
    ),
)
CANCEL_JOBS: Final = Operation(
    name="cancel_jobs",
    method="POST",
    path="/v1/jobs/cancel",
    summary="Cancel many jobs",
    description=(
        "Every unfinished job that fits all of the body: a lane, a batch, what an end user "
        "asked for… An answer with more: true means: send the same request again. "
        "With dry_run: true, nothing is cancelled, only counted."
    ),
    body="CancelRequest",
    answers={200: answer("What was cancelled.", "CancelReport")}
    | problems(
        _400="The body is wrong, or chooses nothing; errors[] says where.",
        _413="The body is too large.",
        _415="The body is not JSON.",
    ),
)
