"""What can go wrong on a job's way through the queue: a branch of the error tree."""

from datetime import timedelta

from schemas.errors import (
    Category,
    GenqError,
    InputError,
    ModelError,
    ModelRateLimitedError,
    Severity,
)


class JobEndedError(InputError):
    """The job has ended already; nothing about it can be changed."""

    code = "job_already_ended"


class DuplicateJobError(InputError):
    """A job with the same unique key is there already."""

    code = "duplicate_job"


class NameTakenError(InputError):
    """The tenant has something of this name already."""

    code = "name_taken"


class NotDeadError(InputError):
    """Only a dead job, one that used up its attempts, can be redriven."""

    code = "job_not_dead"


class JobReplacedError(GenqError):
    """A later job with the same unique key took the place of the job while it waited."""

    code = "job_replaced"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = False

    def __init__(self, by: str) -> None:
        super().__init__(f"the job was cancelled: it waited, and was replaced by {by}")


class JobExpiredError(GenqError):
    """The job did not start, or did not end, by the instant that its caller had set."""

    code = "job_expired"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = False


class ModelBusyError(ModelRateLimitedError):
    """A limit of the model server leaves no room now; genq did not even ask."""

    code = "model_busy"
    severity = Severity.LOW


class IdenticalJobRunsError(ModelBusyError):
    """An identical job is asking the model: this one waits in the queue for its answer.

    Attributes:
        key: What both have in common: the tenant, and the cache's key.
    """

    code = "identical_job_runs"

    def __init__(self, key: tuple[int, bytes], *, retry_after: timedelta) -> None:
        super().__init__(
            "an identical job is asking the model: this one waits in the queue for its answer",
            retry_after=retry_after,
        )
        self.key = key


class ContextTooLongError(ModelError):
    """The input is longer than the model can take; another model may take it."""

    code = "context_too_long"
    severity = Severity.LOW
