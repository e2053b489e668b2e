"""A job as its caller sees it right after it was written, without reading it again."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from infra.postgres.submit import NewJob, Stop
from producer.prompt_flags import typed_prompt
from schemas import lanes
from schemas.job import JobRecord, JobRequest
from schemas.job_states import JobState
from schemas.position import WaitingOn


def accepted_record(
    new: NewJob, request: JobRequest, parameters: Mapping[str, Any], created_at: datetime
) -> JobRecord:
    """Return what reading the job would give now.

    Args:
        new: What was written.
        request: What it was made of.
        parameters: Its model parameters, as they were checked.
        created_at: PostgreSQL's time of the write.
    """
    scheduled = new.run_at is not None and new.run_at > created_at
    record = JobRecord(
        id=new.id,
        tenant_id=new.tenant_id,
        kind=request.kind,
        model=new.model,
        lane=lanes.BY_NUMBER[new.lane],
        priority=new.priority,
        state=JobState.SCHEDULED if scheduled else JobState.READY,
        created_at=created_at,
        input=parameters,
        typed=typed_prompt(request, parameters),
        metadata=request.metadata,
        tags=request.tags,
        retry_of=new.redrive_of,
        end_user=request.end_user,
        waiting_on="schedule" if scheduled else "lane",
        run_at=new.run_at if scheduled else None,
        deadline=new.deadline,
        batch_id=new.batch_id,
        lineage=new.lineage,
    )
    return record if new.stop is None else _stopped(record, new.stop)


def _stopped(record: JobRecord, stop: Stop) -> JobRecord:
    if stop.error is None:
        state, waiting_on = JobState.HELD, WaitingOn.REVIEW.value
        return replace(
            record, state=state, waiting_on=waiting_on, run_at=None, verdict=stop.verdict
        )
    return replace(
        record,
        state=JobState.BLOCKED,
        finished_at=record.created_at,
        waiting_on=None,
        run_at=None,
        error=stop.error,
        verdict=stop.verdict,
    )
