"""The routes that try jobs again and act on many, as the OpenAPI document tells of them."""

from typing import Final

from producer.api.document import IDEMPOTENCY_KEY, JOB_ID, answer, problems
from producer.api.operations import Operation

RETRY_JOB: Final = Operation(
    name="retry_job",
    method="POST",
    path="/v1/jobs/{job_id}/retry",
    summary="Try a job again",
    description=(
        'An ended job ends once: {"as": "new_job"}, the default, makes a new job that does the '
        "same and names the old one in retry_of. A job is repeated once; asked again, the "
        "answer is the job that was made, with Idempotent-Replayed. When it is to run and its "
        'unique key are not repeated. {"as": "new_attempt"} is for a job that waits for its '
        "next attempt: it has it now. The body may be left out."
    ),
    parameters=[JOB_ID, IDEMPOTENCY_KEY],
    body="RetryRequest",
    answers={
        202: answer(
            "The job that tries again.",
            "JobView",
            headers=("Location", "Idempotent-Replayed"),
        ),
    }
    | problems(
        _400="The body is wrong, or the job is not acceptable any more; errors[] says where.",
        _402="A budget has no room for a new job.",
        _404="This tenant has no such job, or no model server offers its model any more.",
        _409="The job's state does not allow it; the message says what it allows.",
        _410="Retention or an erasure took its input.",
        _413="The body is too large.",
        _415="The body is not JSON.",
        _422="The Idempotency-Key was used with another body.",
    ),
)
ACT_ON_JOBS: Final = Operation(
    name="act_on_jobs",
    method="POST",
    path="/v1/jobs/actions",
    summary="Cancel, or try again, all that fits a filter",
    description=(
        "The filter has the names of GET /v1/jobs: status, lane, tag… Jobs are taken newest "
        "first, some hundred at a time, for some seconds at the most; has_more: true means: "
        "send the same call with the cursor of the answer. With dry_run: true, nothing is "
        "changed, only counted. A retry makes one new job for each, ever."
    ),
    parameters=[IDEMPOTENCY_KEY],
    body="JobActionRequest",
    answers={200: answer("What was done.", "JobActionReport", headers=("Idempotent-Replayed",))}
    | problems(
        _400="The body is wrong, or chooses nothing; errors[] says where.",
        _413="The body is too large.",
        _415="The body is not JSON.",
        _422="The Idempotency-Key was used with another body.",
    ),
)
