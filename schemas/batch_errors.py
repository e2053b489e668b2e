"""What can go wrong around batches as wholes: a branch of the error tree."""

from schemas.errors import Category, GenqError, InputError, Severity


class BatchEndedError(InputError):
    """The batch has ended, or all its lines have: there is nothing left to cancel."""

    code = "batch_already_ended"


class BatchNotRetryableError(InputError):
    """No lines of the batch can be tried again: it runs, none failed, or its file is gone."""

    code = "batch_not_retryable"


class TooManyBatchesError(GenqError):
    """The tenant has as many batches under way as it may have."""

    code = "too_many_batches"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = True
