"""The route of many jobs, as the OpenAPI document tells of it."""

from typing import Final

from producer.api.document import IDEMPOTENCY_KEY, answer, problems
from producer.api.operations import Operation
from schemas.bulk import MOST_JOBS

SUBMIT_JOBS: Final = Operation(
    name="submit_jobs",
    method="POST",
    path="/v1/jobs/bulk",
    summary="Submit many jobs",
    description=(
        f"Up to {MOST_JOBS:,} jobs in one call, written in one transaction. With mode "
        "all_or_nothing, the default, one job that is not acceptable refuses them all, and "
        "errors[] points into the body: /jobs/17/input/prompt. With mode per_item, those that "
        "can be accepted are, and the answer tells of each job, in the order of the call. The "
        "Idempotency-Key stands for the whole call."
    ),
    parameters=[IDEMPOTENCY_KEY],
    body="BulkRequest",
    answers={
        202: answer("Every job is accepted.", "BulkView", headers=("Idempotent-Replayed",)),
        207: answer(
            "With mode per_item: some jobs, or all, are refused; each has its own status.",
            "BulkView",
            headers=("Idempotent-Replayed",),
        ),
    }
    | problems(
        _400="The body, or with all_or_nothing one of its jobs, is wrong; errors[] says where.",
        _402="With all_or_nothing: a budget has no room for them all.",
        _404="With all_or_nothing: no model server offers the model of a job.",
        _409="With all_or_nothing: an earlier job holds the unique key of one of them.",
        _413="The body is too large, or one job in it.",
        _415="The body is not JSON.",
        _422="The Idempotency-Key was used with another body.",
    ),
)
