"""Why a listing is not answered: a branch of the error tree."""

from schemas.errors import InputError


class FilterTooWideError(InputError):
    """A filter fits so few of very many jobs that looking for them takes too long."""

    code = "filter_too_wide"
