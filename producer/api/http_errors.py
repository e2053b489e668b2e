"""Errors that only HTTP has: a branch of the error tree."""

from schemas.errors import GenqError, InputError, Severity


class MethodNotAllowedError(InputError):
    """The route exists, with other methods."""

    code = "method_not_allowed"


class UnsupportedMediaTypeError(InputError):
    """The body is not JSON, or it is encoded."""

    code = "unsupported_media_type"


class RequestTimeoutError(InputError):
    """The request came too slowly, and its connection was closed."""

    code = "request_timeout"
    retryable = True

    def __init__(self) -> None:
        super().__init__("the request came too slowly; send it again on a new connection")


class HeadTooLargeError(InputError):
    """The address and the headers of the request are too many or too long."""

    code = "headers_too_large"

    def __init__(self) -> None:
        super().__init__("the request has too many headers, or too long ones")


class TooManyConnectionsError(GenqError):
    """This API process serves as many connections as it may."""

    code = "too_many_connections"
    severity = Severity.MEDIUM

    def __init__(self) -> None:
        super().__init__("too many connections; close some, or try again")


class RangeNotSatisfiableError(InputError):
    """The wanted range begins past the end of an object of ``size`` bytes."""

    code = "range_not_satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"there are {size} bytes")
        self.size = size
