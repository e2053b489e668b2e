"""What can go wrong on OpenAI's endpoints only: a branch of the error tree."""

from datetime import timedelta
from typing import Final

from schemas.errors import GenqError, InputError, Severity

_COME_BACK: Final = timedelta(milliseconds=100)


class UnsupportedParameterError(InputError):
    """A parameter that OpenAI documents asks for something that genq cannot do."""

    code = "unsupported_parameter"


class StillRunningError(GenqError):
    """The job has not ended in the time that the call could be held; it goes on."""

    code = "still_running"
    severity = Severity.LOW

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=_COME_BACK)


class DrainingError(GenqError):
    """This API process is about to stop; what was accepted goes on."""

    code = "draining"
    severity = Severity.LOW

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=timedelta(seconds=1))


class StreamBrokenError(GenqError):
    """A job was tried again after a part of its text was shown, and now says something else."""

    code = "stream_broken"
    severity = Severity.MEDIUM
