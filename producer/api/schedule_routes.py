"""Which of the routes of schedules does what."""

from typing import Final

from producer.api.schedule_operations import (
    CHANGE_SCHEDULE,
    CREATE_SCHEDULE,
    DELETE_SCHEDULE,
    LIST_SCHEDULE_RUNS,
    LIST_SCHEDULES,
    PAUSE_SCHEDULE,
    RESUME_SCHEDULE,
    SHOW_SCHEDULE,
    TRIGGER_SCHEDULE,
)
from producer.api.schedules import (
    change_schedule,
    create_schedule,
    list_schedule_runs,
    list_some_schedules,
    pause_schedule,
    remove_schedule,
    resume_schedule,
    show_schedule,
    trigger_schedule,
)

SCHEDULE_ROUTES: Final = (
    (CREATE_SCHEDULE, create_schedule),
    (LIST_SCHEDULES, list_some_schedules),
    (SHOW_SCHEDULE, show_schedule),
    (CHANGE_SCHEDULE, change_schedule),
    (DELETE_SCHEDULE, remove_schedule),
    (PAUSE_SCHEDULE, pause_schedule),
    (RESUME_SCHEDULE, resume_schedule),
    (TRIGGER_SCHEDULE, trigger_schedule),
    (LIST_SCHEDULE_RUNS, list_schedule_runs),
)
