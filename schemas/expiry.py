"""Why a job whose time is over has ended, in the words that its caller reads."""

from datetime import datetime

from schemas.job import iso_ms
from schemas.queue_errors import JobExpiredError


def not_started(by: datetime) -> JobExpiredError:
    """Return the error of a job that waited past its ``start_timeout``."""
    return JobExpiredError(f"the job had not started by {iso_ms(by)}")


def not_ended(by: datetime | None) -> JobExpiredError:
    """Return the error of a job that waited or ran past its deadline."""
    instant = f", {iso_ms(by)}" if by else ""
    return JobExpiredError(f"the job had not ended by its deadline{instant}")
