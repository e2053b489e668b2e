"""What an exit code means, and what to do about each error: the only such table.

The README of genq/ shows the same codes; a test holds the two together.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from genq.cli.batch_rows import WrongFileError
from genq.cli.schedule_names import UnknownNameError
from genq.errors import (
    ApiError,
    AuthenticationError,
    BlockedError,
    ConfigurationError,
    ConflictError,
    GenqError,
    InvalidRequestError,
    JobBlockedError,
    JobFailedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    ServerUnreachableError,
    UnexpectedAnswerError,
    WaitTimeoutError,
)
from genq.webhook import WebhookInvalidError


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    AUTH = 4
    UNREACHABLE = 5
    RATE_LIMITED = 6
    BLOCKED = 7
    CONFIG = 8
    CONFLICT = 9
    TIMED_OUT = 124
    INTERRUPTED = 130


# The first class that fits decides; the next step is shown below the error.
_MEANINGS: Final[Sequence[tuple[type[GenqError], ExitCode, str]]] = (
    (JobBlockedError, ExitCode.BLOCKED, "change the prompt and submit again"),
    (JobFailedError, ExitCode.FAILED, ""),
    (WaitTimeoutError, ExitCode.TIMED_OUT, "genq jobs get {job_id} --wait"),
    (BlockedError, ExitCode.BLOCKED, "change the prompt and submit again"),
    (AuthenticationError, ExitCode.AUTH, "pass --api-key, set GENQ_API_KEY, or run `genq up`"),
    (PermissionDeniedError, ExitCode.AUTH, "use a key that may do this"),
    (NotFoundError, ExitCode.NOT_FOUND, ""),
    (UnknownNameError, ExitCode.NOT_FOUND, ""),
    (ConflictError, ExitCode.CONFLICT, ""),
    (RateLimitedError, ExitCode.RATE_LIMITED, "wait, then run the same command again"),
    (ServerError, ExitCode.UNREACHABLE, "the fault is the server's: see its log"),
    (InvalidRequestError, ExitCode.USAGE, ""),
    (WrongFileError, ExitCode.USAGE, ""),
    (ServerUnreachableError, ExitCode.UNREACHABLE, "genq up, or name another server: --url"),
    (UnexpectedAnswerError, ExitCode.UNREACHABLE, "check --url, GENQ_URL or the profile"),
    (ConfigurationError, ExitCode.CONFIG, ""),
    (WebhookInvalidError, ExitCode.CONFIG, ""),
)

# What lists the things of which one was not found, by a word of the message.
_LISTS: Final = {
    "webhook delivery": "genq webhook deliveries",
    "webhook endpoint": "genq webhook endpoints ls",
    "recovery": "genq webhook recoveries ENDPOINT",
    "batch": "genq batch ls",
    "job": "genq jobs ls",
}


def code_of(error: GenqError) -> ExitCode:
    """Return the exit code that stands for ``error``."""
    found = (code for kind, code, _ in _MEANINGS if isinstance(error, kind))
    return next(found, ExitCode.FAILED)


def next_step(error: GenqError) -> str:
    """Return the command or act that helps, or an empty text."""
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        return f"wait {error.retry_after:g} s, then run the same command again"
    if isinstance(error, NotFoundError):
        return next((step for word, step in _LISTS.items() if word in error.message), "")
    hint = next((text for kind, _, text in _MEANINGS if isinstance(error, kind)), "")
    fault = error.error_id or error.request_id if isinstance(error, ApiError) else None
    if isinstance(error, ServerError) and fault:
        return f"{hint} for {fault}"
    if isinstance(error, WaitTimeoutError):
        waited = error.job_id
        is_batch = waited.startswith("batch_")
        return f"genq batch watch {waited}" if is_batch else hint.format(job_id=waited)
    return hint
