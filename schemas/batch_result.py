"""A line of a batch's output and error files, as answers show it."""

from typing import Any

from schemas.shape import Shape


class BatchResponseView(Shape):
    """What a line was answered, as the endpoint itself would have answered a call."""

    status_code: int
    request_id: str
    body: dict[str, Any]


class BatchLineErrorView(Shape):
    """Why a line has no answer.

    The batch was cancelled, its window was over, or what its job made cannot be read: it was
    erased, is no longer stored, does not open, or the store does not give it. Of a batch that
    has not ended, the last may be another thing later.
    """

    code: str
    message: str


class BatchResultLine(Shape):
    """A line that has ended. ``seq``: its place in the order in which lines ended, from 1."""

    id: str
    custom_id: str
    response: BatchResponseView | None
    error: BatchLineErrorView | None
    seq: int
