"""What can go wrong on a job's way through the queue: a branch of the error tree."""

from schemas.errors import Category, GenqError, InputError, ModelRateLimitedError, Severity


class JobEndedError(InputError):
    """The job has ended already; nothing about it can be changed."""

    code = "job_already_ended"


class DuplicateJobError(InputError):
    """A job with the same unique key is there already."""

    code = "duplicate_job"


class NotDeadError(InputError):
    """Only a dead job, one that used up its attempts, can be redriven."""

    code = "job_not_dead"


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
