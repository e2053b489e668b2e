"""What a job may be asked for, as types: the same names as in the HTTP API."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Required, TypedDict

Webhook = str | Mapping[str, object]
"""A URL, or ``{"url": …, "events": […]}``."""
When = datetime | float
"""An aware instant, or seconds from now."""


class JobOptions(TypedDict, total=False):
    """Everything of a job but what it makes; ``Jobs.create`` tells what each means."""

    model: str | None
    lane: str | None
    priority: int | None
    webhook: Webhook | None
    channels: Sequence[str] | None
    metadata: Mapping[str, str] | None
    tags: Sequence[str] | None
    end_user: str | None
    run_at: When | None
    start_timeout: float | None
    deadline: When | None
    unique: str | Mapping[str, object] | None
    prompt_flags: bool | None
    cache: str | None
    requires: Mapping[str, object] | None


class JobRequest(JobOptions, total=False):
    """One job of ``Jobs.create_many``, or one to be estimated."""

    kind: Required[str]
    input: Required[Mapping[str, object]]


Words = str | Sequence[str]
"""One word, or several."""


class JobFilter(TypedDict, total=False):
    """Which jobs of a list are wanted: a job must fit all that is given.

    Attributes:
        status: One of these; as are ``lane`` and ``kind``.
        tag: It has all of these.
        metadata: It carries all of these, among others.
        error_code: It ended with this error.
        attempts_min: It was started at least as often.
        created_after: At this instant or later; ``created_before`` is earlier than it.
    """

    status: Words | None
    lane: Words | None
    kind: Words | None
    model: str | None
    tag: Words | None
    metadata: Mapping[str, str] | None
    end_user: str | None
    error_code: str | None
    attempts_min: int | None
    created_after: datetime | None
    created_before: datetime | None
    schedule_id: str | None
    batch_id: str | None


class RequestOptions(TypedDict, total=False):
    """How one request is sent, whatever the client does otherwise.

    Attributes:
        timeout: Seconds for it, on top of what the server holds it for.
        max_retries: How often it may be sent again.
        extra_headers: Headers that it carries besides, or instead of the client's own.
    """

    timeout: float
    max_retries: int
    extra_headers: Mapping[str, str]


def body_of(request: Mapping[str, object]) -> dict[str, object]:
    """Return the request as the API takes it: its short forms written out."""
    body = {name: value for name, value in request.items() if value is not None}
    if isinstance(url := body.get("webhook"), str):
        body["webhook"] = {"url": url}
    if isinstance(key := body.get("unique"), str):
        body["unique"] = {"key": key}
    return body
