"""The routes of dead letters as the OpenAPI document tells of them."""

from typing import Any, Final

from producer.api.document import JOB_ID, LISTING, answer, parameter, problems
from producer.api.operations import Operation

_FILTER: Final[list[dict[str, Any]]] = [
    *(told for told in LISTING if told["name"] in {"lane", "kind"}),
    parameter("query", "code", "Only jobs that died of this error."),
    parameter("query", "model", "Only jobs of this model."),
    parameter("query", "since", "Only jobs that died then or later.", format="date-time"),
    parameter("query", "until", "Only jobs that died before.", format="date-time"),
]
_PAGE: Final = [told for told in LISTING if told["name"] in {"limit", "after"}]

LIST_DEAD_LETTERS: Final = Operation(
    name="list_dead_letters",
    path="/v1/dead_letters",
    summary="List dead letters",
    description="Jobs that used up their attempts and were not sent again; newest first.",
    parameters=[*_PAGE, *_FILTER],
    answers={200: answer("One page.", "DeadLetterPage", headers=("Link",))}
    | problems(_400="A query parameter is wrong."),
)
GROUP_DEAD_LETTERS: Final = Operation(
    name="group_dead_letters",
    path="/v1/dead_letters/groups",
    summary="Group dead letters by cause",
    description="By error code, model and kind, the largest group first.",
    parameters=_FILTER,
    answers={200: answer("The groups.", "DeadLetterGroups")}
    | problems(_400="A query parameter is wrong."),
)
SHOW_DEAD_LETTER: Final = Operation(
    name="get_dead_letter",
    path="/v1/dead_letters/{job_id}",
    summary="Look at a dead letter",
    description="What was asked for, and how each attempt ended.",
    parameters=[JOB_ID],
    answers={200: answer("The dead letter.", "DeadLetterDetailView")}
    | problems(_404="This tenant has no such job.", _409="The job is not dead."),
)
REDRIVE_DEAD_LETTERS: Final = Operation(
    name="redrive_dead_letters",
    method="POST",
    path="/v1/dead_letters/redrive",
    summary="Send dead jobs again",
    description="As new jobs, edited if wanted; each dead job once, however often it is asked.",
    body="RedriveRequest",
    answers={200: answer("What was sent again.", "RedriveView")}
    | problems(
        _400="The body or an edited job is wrong; errors[] says where, and nothing was sent.",
        _402="A budget has no room for one of the jobs.",
        _404="This tenant has no such job.",
        _409="The job is not dead.",
        _410="Retention or an erasure took its input.",
        _413="The body is too large.",
        _415="The body is not JSON.",
    ),
)
