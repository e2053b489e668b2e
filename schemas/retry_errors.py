"""What can go wrong when a job is to be tried again: a branch of the error tree."""

from schemas.errors import InputError


class NotRetryableError(InputError):
    """The job's state does not allow what was asked for; the message says what it allows."""

    code = "job_not_retryable"
