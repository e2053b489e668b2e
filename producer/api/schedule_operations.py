"""The routes of recurring schedules as the OpenAPI document tells of them."""

from typing import Final

from producer.api.document import (
    IDEMPOTENCY_KEY,
    LISTING,
    answer,
    parameter,
    problems,
)
from producer.api.operations import Operation

_LIMIT: Final = next(told for told in LISTING if told["name"] == "limit")
_AFTER: Final = parameter("query", "after", "The 'next' of the page before.")
_ID: Final = parameter(
    "path", "schedule_id", "The schedule's id, sched_…", pattern="^sched_[0-9a-z]{26}$"
)
_PATH: Final = "/v1/schedules/{schedule_id}"
_UNKNOWN: Final = problems(_404="This tenant has no such schedule.")
_BODY: Final = problems(
    _400="The body is wrong; errors[] says where.",
    _409="The tenant has another schedule of this name.",
    _413="The body is too large.",
    _415="The body is not JSON.",
)

CREATE_SCHEDULE: Final = Operation(
    name="create_schedule",
    method="POST",
    path="/v1/schedules",
    summary="Make a schedule",
    description="Each time of its cron expression is one job, whatever fails meanwhile.",
    body="ScheduleRequest",
    answers={201: answer("The schedule.", "ScheduleView", headers=("Location",))}
    | _BODY
    | problems(_404="No model server offers the request's model."),
)
LIST_SCHEDULES: Final = Operation(
    name="list_schedules",
    path="/v1/schedules",
    summary="List schedules",
    description="By name.",
    parameters=[_LIMIT, _AFTER],
    answers={200: answer("One page of schedules.", "SchedulePage", headers=("Link",))}
    | problems(_400="A query parameter is wrong."),
)
SHOW_SCHEDULE: Final = Operation(
    name="get_schedule",
    path=_PATH,
    summary="Look at a schedule",
    description="When it is due, and what became of its latest time.",
    parameters=[_ID],
    answers={200: answer("The schedule.", "ScheduleView")} | _UNKNOWN,
)
CHANGE_SCHEDULE: Final = Operation(
    name="update_schedule",
    method="PATCH",
    path=_PATH,
    summary="Change a schedule",
    description="What is absent stays. A new expression, or a new zone, counts from now.",
    parameters=[_ID],
    body="ScheduleChange",
    answers={200: answer("The schedule.", "ScheduleView")}
    | _BODY
    | problems(_404="No such schedule, or no model server offers the request's model."),
)
DELETE_SCHEDULE: Final = Operation(
    name="delete_schedule",
    method="DELETE",
    path=_PATH,
    summary="Delete a schedule",
    description="The jobs that it made stay.",
    parameters=[_ID],
    answers={204: {"description": "It is gone."}, **_UNKNOWN},
)
PAUSE_SCHEDULE: Final = Operation(
    name="pause_schedule",
    method="POST",
    path=f"{_PATH}/pause",
    summary="Pause a schedule",
    description="Its times pass without jobs until it is resumed.",
    parameters=[_ID],
    answers={200: answer("The schedule.", "ScheduleView")} | _UNKNOWN,
)
RESUME_SCHEDULE: Final = Operation(
    name="resume_schedule",
    method="POST",
    path=f"{_PATH}/resume",
    summary="Resume a schedule",
    description="It goes on with its next time from now.",
    parameters=[_ID],
    answers={200: answer("The schedule.", "ScheduleView")} | _UNKNOWN,
)
TRIGGER_SCHEDULE: Final = Operation(
    name="trigger_schedule",
    method="POST",
    path=f"{_PATH}/trigger",
    summary="Submit a schedule's job now",
    description="Paused or not; its own times stay as they are.",
    parameters=[_ID, IDEMPOTENCY_KEY],
    answers={
        202: answer(
            "The job is accepted.",
            "JobView",
            headers=("Location", "Idempotent-Replayed", "Unique-Replayed"),
        )
    }
    | problems(
        _400="The schedule's request is not acceptable any more.",
        _404="No such schedule, or no model server offers its model any more.",
        _409="An earlier job holds the request's unique key.",
        _422="The Idempotency-Key was used for something else.",
    ),
)
LIST_SCHEDULE_RUNS: Final = Operation(
    name="list_schedule_runs",
    path=f"{_PATH}/runs",
    summary="List a schedule's runs",
    description="The times that were served, newest first: the job, or why there is none.",
    parameters=[_ID, _LIMIT, _AFTER],
    answers={200: answer("One page of runs.", "ScheduleRunPage", headers=("Link",))}
    | _UNKNOWN
    | problems(_400="A query parameter is wrong."),
)
