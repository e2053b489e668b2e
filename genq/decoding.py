"""From the server's JSON to the SDK's models; what is missing or mistyped is named."""

import json
from datetime import datetime
from typing import cast

from genq.errors import UnexpectedAnswerError
from genq.models import Artifact, Job, JobError, Json, Output, Slice, Urls


class _Fields:
    """Reads one JSON object; a missing or mistyped field is named."""

    def __init__(self, found: object, what: str) -> None:
        if not isinstance(found, dict):
            raise UnexpectedAnswerError(f"{what}: expected an object; is this genq's URL?")
        self.found = cast("Json", found)
        self.what = what

    def text(self, name: str) -> str:
        value = self.maybe_text(name)
        if value is None:
            raise self._lacks(name)
        return value

    def maybe_text(self, name: str) -> str | None:
        value = self.found.get(name)
        return value if isinstance(value, str) else None

    def number(self, name: str) -> int:
        value = self.maybe_number(name)
        if value is None:
            raise self._lacks(name)
        return value

    def maybe_number(self, name: str) -> int | None:
        value = self.found.get(name)
        return value if isinstance(value, int) else None

    def moment(self, name: str) -> datetime:
        value = self.maybe_moment(name)
        if value is None:
            raise self._lacks(name)
        return value

    def maybe_moment(self, name: str) -> datetime | None:
        value = self.maybe_text(name)
        try:
            return datetime.fromisoformat(value) if value else None
        except ValueError:
            raise UnexpectedAnswerError(f"{self.what}: {name} is not a time") from None

    def part(self, name: str) -> "_Fields | None":
        value = self.found.get(name)
        return None if value is None else _Fields(value, f"{self.what}.{name}")

    def mapping(self, name: str) -> Json:
        part = self.part(name)
        return part.found if part else {}

    def parts(self, name: str) -> "list[_Fields]":
        value = self.found.get(name)
        items = cast("list[object]", value) if isinstance(value, list) else []
        return [_Fields(item, f"{self.what}.{name}[{n}]") for n, item in enumerate(items)]

    def _lacks(self, name: str) -> UnexpectedAnswerError:
        return UnexpectedAnswerError(f"{self.what} lacks {name}; is this genq's URL?")


def read_job(found: object) -> Job:
    """Return the job in a decoded JSON answer or event.

    Raises:
        UnexpectedAnswerError: A field that every job has is missing or of another type.
    """
    fields = _Fields(found, "job")
    return Job(
        id=fields.text("id"),
        kind=fields.text("kind"),
        model=fields.text("model"),
        status=fields.text("status"),
        waiting_on=fields.maybe_text("waiting_on"),
        lane=fields.text("lane"),
        priority=fields.number("priority"),
        created_at=fields.moment("created_at"),
        started_at=fields.maybe_moment("started_at"),
        finished_at=fields.maybe_moment("finished_at"),
        input=fields.mapping("input"),
        output=_output(fields.part("output")),
        error=_error(fields.part("error")),
        attempts=fields.maybe_number("attempts") or 0,
        metadata={name: str(value) for name, value in fields.mapping("metadata").items()},
        end_user=fields.maybe_text("end_user"),
        urls=_urls(fields.part("urls")),
        raw=fields.found,
    )


def read_slice(found: object) -> Slice:
    """Return one page of jobs from a decoded answer of ``GET /v1/jobs``."""
    fields = _Fields(found, "list")
    jobs = tuple(read_job(part.found) for part in fields.parts("data"))
    return Slice(jobs, fields.found.get("has_more") is True)


def decode(body: bytes) -> object:
    """Return the JSON value in ``body``.

    Raises:
        UnexpectedAnswerError: It is not JSON.
    """
    try:
        found: object = json.loads(body)
    except ValueError:
        raise UnexpectedAnswerError("the answer is not JSON; is this genq's URL?") from None
    return found


def _output(fields: _Fields | None) -> Output | None:
    if fields is None:
        return None
    artifacts = tuple(
        Artifact(
            index=part.number("index"),
            url=part.text("url"),
            content_type=part.text("content_type"),
            bytes=part.number("bytes"),
            sha256=part.text("sha256"),
            width=part.maybe_number("width"),
            height=part.maybe_number("height"),
        )
        for part in fields.parts("artifacts")
    )
    return Output(artifacts, fields.maybe_text("text"))


def _error(fields: _Fields | None) -> JobError | None:
    if fields is None:
        return None
    return JobError(
        code=fields.text("code"),
        message=fields.text("message"),
        category=fields.maybe_text("category") or "",
        severity=fields.maybe_text("severity") or "",
        retryable=fields.found.get("retryable") is True,
        error_id=fields.maybe_text("error_id") or "",
    )


def _urls(fields: _Fields | None) -> Urls:
    if fields is None:
        return Urls()
    names = ("get", "cancel", "events")
    return Urls(*(fields.maybe_text(name) for name in names))
