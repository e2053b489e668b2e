"""Which failures of a call another server, or another model, could mend."""

from typing import Final

from schemas.errors import (
    GenqError,
    ModelAuthError,
    ModelRateLimitedError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from schemas.model_errors import ModelMisconfiguredError
from schemas.queue_errors import ContextTooLongError
from schemas.routes import Failing

# The first that fits. Not in it: refused content and rejected requests. They are about the
# job, not about a server. Unavailable is also a bad answer, and a call that the server broke
# off; auth is a key that is not accepted there; rate-limited is also ``model_busy``.
_FAILING: Final[tuple[tuple[type[GenqError], Failing], ...]] = (
    (ContextTooLongError, Failing.CONTEXT_TOO_LONG),
    (ModelRateLimitedError, Failing.RATE_LIMITED),
    (ModelTimeoutError, Failing.TIMEOUT),
    (ModelUnavailableError, Failing.SERVER_ERROR),
    (ModelAuthError, Failing.SERVER_ERROR),
    (ModelMisconfiguredError, Failing.SERVER_ERROR),
)


def failing_of(error: GenqError) -> Failing | None:
    """Return what another model could mend about a failure; ``None``: nothing."""
    return next((failing for kind, failing in _FAILING if isinstance(error, kind)), None)


def another_server_may(failing: Failing | None) -> bool:
    """Return whether the same model may succeed on another server."""
    return failing is not None and failing is not Failing.CONTEXT_TOO_LONG
