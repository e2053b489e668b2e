"""The caller's own decision to stop a job, as the error that ends its attempt."""

from schemas.errors import Category, GenqError, Severity


class JobCancelledError(GenqError):
    """The caller cancelled the job."""

    code = "job_cancelled"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = False

    def __init__(self) -> None:
        super().__init__("the job was cancelled at its caller's request")
