"""What is said of a job whose content is gone."""

from uuid import UUID

from schemas.ids import format_id


def erased_job(job_id: UUID) -> str:
    """Return why a job cannot be sent again."""
    return (
        f"the input of {format_id('job', job_id)} was erased, so that nothing can ask for the "
        "same again; submit a new job with its input"
    )
