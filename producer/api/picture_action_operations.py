"""The routes of actions on pictures, as the OpenAPI document tells of them."""

from typing import Final

from producer.api.document import (
    IDEMPOTENCY_KEY,
    JOB_ID,
    PREFER,
    answer,
    parameter,
    problems,
)
from producer.api.operations import Operation
from producer.api.picture_actions import (
    DEFAULT_NODES,
    MOST_NODES,
    act_on_pictures,
    show_tree,
)

ACT_ON_PICTURES: Final = Operation(
    name="act_on_pictures",
    method="POST",
    path="/v1/jobs/{job_id}/actions",
    summary="Make something new of a job's pictures",
    description=(
        "A new job, which goes in by the same door as POST /v1/jobs and says in lineage where "
        "it comes from. upscale: twice or four times as large, by the model that is "
        "configured, or by genq itself with Lanczos's filter, which invents nothing. vary: an "
        "edit by the job's prompt, subtle or strong. reroll: the same again with another seed. "
        "remix: with another prompt. blend: with up to four other pictures. describe: four "
        "prompts, written by a chat model. zoom, pan: the picture smaller in its frame, or the "
        "frame wider to one side, painted by a model that edits with masks. replay: exactly "
        "the same again, with the seed that was recorded; the pictures are equal, their marks "
        "say another time. index is that of the artifact."
    ),
    parameters=[JOB_ID, IDEMPOTENCY_KEY, PREFER],
    body="PictureActionRequest",
    answers={
        202: answer(
            "The new job.",
            "JobView",
            headers=(
                "Location",
                "Preference-Applied",
                "Idempotent-Replayed",
                "Budget-Downgraded",
            ),
        ),
        200: answer("It has ended within the wait.", "JobView", headers=("Location",)),
    }
    | problems(
        _400="The body is wrong; errors[] says where.",
        _402="A budget has no room for the new job.",
        _404="This tenant has no such job, or no model server offers the model.",
        _409="The job's state, or what is configured, does not allow it; the message says what "
        "does.",
        _410="Retention or an erasure took what it needs.",
        _413="The body is too large.",
        _415="The body is not JSON.",
        _422="There is no picture of this index, or the Idempotency-Key was used with another "
        "body.",
    ),
)
SHOW_TREE: Final = Operation(
    name="get_job_tree",
    path="/v1/jobs/{job_id}/tree",
    summary="Look at a job's relatives",
    description=(
        "All that was derived from the same first job by actions, oldest first, the root "
        "before all others. Jobs that were erased are there without their pictures; of a root "
        "that is no longer stored the id alone."
    ),
    parameters=[
        JOB_ID,
        parameter(
            "query",
            "limit",
            "Jobs per page.",
            type="integer",
            minimum=1,
            maximum=MOST_NODES,
            default=DEFAULT_NODES,
        ),
        parameter("query", "after", "The next of the page before: only younger jobs."),
    ],
    answers={200: answer("A page of the tree.", "JobTreeView")}
    | problems(
        _400="A query parameter is wrong.",
        _404="This tenant has no such job.",
    ),
)

PICTURE_ACTION_ROUTES: Final = (
    (ACT_ON_PICTURES, act_on_pictures),
    (SHOW_TREE, show_tree),
)
