"""What a line's job keeps of its body so that its answer has the form that was asked for. Pure.

A call is answered with its body at hand; a line is answered long after, and its body is only in
the file.
"""

from collections.abc import Mapping
from typing import Any, Final

from producer.openai.endpoint import Endpoint
from producer.openai.responses import Responses
from producer.openai.responses_view import aside_of
from schemas.job import JobRecord

_ASKED: Final = "asked"
_FORMS: Final = ("encoding_format", "response_format", "service_tier")
_LONGEST: Final = 32


def aside_of_line(endpoint: Endpoint, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept with the job of a line; mostly nothing."""
    forms = {name: body[name] for name in _FORMS if _is_word(body.get(name))}
    aside: dict[str, Any] = {_ASKED: forms} if forms else {}
    return aside | aside_of(body) if endpoint.path == Responses.path else aside


def asked_of(job: JobRecord) -> Mapping[str, Any]:
    """Return what is known of the body that asked for a job."""
    return job.input | job.aside.get(_ASKED, {}) if job.aside else job.input


def _is_word(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST
