"""Which failures of a call another server, or another model, could mend."""

from typing import Final

from schemas.errors import (
    GenqError,
    ModelAuthError,
    ModelRateLimitedError,
    ModelUnavailableError,
)
from schemas.queue_errors import ContextTooLongError

# Not in it: refused content and rejected requests. They are about the job, not about a server.
_ANOTHER_SERVER: Final = (ModelAuthError, ModelRateLimitedError, ModelUnavailableError)


def another_server_may(error: GenqError) -> bool:
    """Return whether the same model may succeed on another server.

    Rate-limited (``model_busy`` included), unavailable (bad answers and timeouts included), or
    a key that is not accepted there.
    """
    return isinstance(error, _ANOTHER_SERVER)


def another_model_may(error: GenqError) -> bool:
    """Return whether a stand-in for the model may succeed; a longer context is reason too."""
    return another_server_may(error) or isinstance(error, ContextTooLongError)
