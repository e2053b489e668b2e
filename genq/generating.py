"""One call from words to a result: submit, wait, fetch."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from genq.calls import Exchange
from genq.errors import JobFailedError
from genq.exchanges import create_job, get_artifact
from genq.job_requests import JobOptions
from genq.models import Job
from genq.pictures import Picture
from genq.waiting import HOLD, OnProgress, wait_for_job

# Half an hour: nobody waits for a function to return for longer without having said so.
DEFAULT_TIMEOUT: Final = 1800.0

_OF_THE_JOB: Final = frozenset(JobOptions.__annotations__)
_OF_THE_WAIT: Final = frozenset({"timeout", "on_progress"})
_PICTURES: Final = frozenset({"images", "mask"})


class _Wait(JobOptions, total=False):
    """How long to wait, who hears of it meanwhile, and what it begins with.

    Attributes:
        images: Pictures to edit, or to ask about; see ``Jobs.create``.
    """

    images: Sequence[Picture] | None
    timeout: float
    on_progress: OnProgress | None


class ImageOptions(_Wait, total=False):
    """Options of ``generate``: those of the picture, of the job, and of the wait.

    Attributes:
        mask: Of ``images``, which are edited then: a PNG file; what is clear is edited.
        timeout: Seconds until ``WaitTimeoutError``; the job goes on.
        on_progress: Called with each live ``JobEvent``.
    """

    mask: Picture | None
    size: str
    seed: int
    quality: str
    style: str
    background: str
    moderation: str
    output_format: str
    output_compression: int
    extra_body: Mapping[str, object]


class TextOptions(_Wait, total=False):
    """Options of ``generate_text``: those of the text, of the job, and of the wait.

    Attributes:
        system: How the model is to behave.
        timeout: Seconds until ``WaitTimeoutError``; the job goes on.
        on_progress: Called with each live ``JobEvent``.
    """

    system: str
    temperature: float
    top_p: float
    max_tokens: int
    max_completion_tokens: int
    stop: str
    seed: int
    response_format: Mapping[str, object]
    reasoning_effort: str
    extra_body: Mapping[str, object]


def generate_image(prompt: str, options: Mapping[str, object]) -> Exchange[bytes]:
    """Return the picture that a prompt gives; options are those of ``ImageOptions``."""
    kind = "image_edit" if options.get("images") else "image"
    job = yield from _made(kind, {"prompt": prompt}, options)
    output = job.require_success()
    if not output.artifacts:
        raise JobFailedError(job.id, "succeeded without a picture", None, None, job=job)
    return (yield from get_artifact(job.id, output.artifacts[0].index))


def generate_text(prompt: str, options: Mapping[str, object]) -> Exchange[str]:
    """Return the words that a prompt gives; options are those of ``TextOptions``."""
    system = options.get("system")
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    rest = {name: value for name, value in options.items() if name != "system"}
    job = yield from _made("chat", {"messages": messages}, rest)
    return job.require_success().text or ""


def _made(
    kind: str, given: Mapping[str, object], options: Mapping[str, object]
) -> Exchange[Job]:
    body: dict[str, object] = {n: v for n, v in options.items() if n in _OF_THE_JOB}
    besides = _OF_THE_JOB | _OF_THE_WAIT | _PICTURES
    wanted = {n: v for n, v in options.items() if n not in besides and v is not None}
    body |= {"kind": kind, "input": {**given, **wanted}}
    timeout, on_progress = _seconds(options.get("timeout")), options.get("on_progress")
    hold = None if on_progress else min(timeout, HOLD)
    images = cast("Sequence[Picture] | None", options.get("images"))
    mask = cast("Picture | None", options.get("mask"))
    job = yield from create_job(body, idempotency_key=None, wait=hold, images=images, mask=mask)
    if job.done:
        return job
    watcher = on_progress if callable(on_progress) else None
    return (yield from wait_for_job(job.id, timeout=timeout, on_progress=watcher))


def _seconds(given: object) -> float:
    return float(given) if isinstance(given, int | float) else DEFAULT_TIMEOUT
