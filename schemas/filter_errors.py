"""Why a listing is not answered: a branch of the error tree."""

from schemas.errors import Category, GenqError, InputError, Severity


class FilterTooWideError(InputError):
    """A filter fits so few of very many jobs that looking for them takes too long."""

    code = "filter_too_wide"


class TooManySearchesError(GenqError):
    """As many listings by filter run already as may run at once."""

    code = "too_many_searches"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = True
