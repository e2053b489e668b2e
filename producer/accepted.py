"""A job as its caller sees it right after it was written, without reading it again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from infra.postgres.submit import NewJob
from schemas.job import JobRecord, JobRequest
from schemas.job_states import JobState


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
    return JobRecord(
        id=new.id,
        tenant_id=new.tenant_id,
        kind=request.kind,
        model=new.model,
        lane=request.lane,
        priority=request.priority,
        state=JobState.SCHEDULED if scheduled else JobState.READY,
        created_at=created_at,
        input=parameters,
        metadata=request.metadata,
        tags=request.tags,
        retry_of=new.redrive_of,
        end_user=request.end_user,
        waiting_on="schedule" if scheduled else "lane",
        run_at=new.run_at if scheduled else None,
        deadline=new.deadline,
    )
