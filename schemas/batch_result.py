"""A line of a batch's output and error files, as answers show it."""

from typing import Any

from schemas.shape import Shape


class BatchResponseView(Shape):
    """What a line was answered, as the endpoint itself would have answered a call."""

    status_code: int
    request_id: str
    body: dict[str, Any]


class BatchLineErrorView(Shape):
    """Why a line was not answered: the batch was cancelled, or its window was over."""

    code: str
    message: str


class BatchResultLine(Shape):
    """A line that has ended. ``seq``: its place in the order in which lines ended, from 1."""

    id: str
    custom_id: str
    response: BatchResponseView | None
    error: BatchLineErrorView | None
    seq: int
