"""``/v1/images/generations``, and how pictures are answered, which edits do alike.

The answer has each picture twice, as ``b64_json`` and as ``url``, unless ``response_format``
chose one. A line of a batch gets ``url`` alone where it chose nothing: a file of many pictures
in text would be huge.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from producer.openai.endpoint import Defaults, Reading
from producer.openai.genq_member import genq_member
from producer.openai.request_parts import GENQ, Rules, request_from
from schemas.errors import FieldError, InputError
from schemas.generation import Kind
from schemas.job import Artifact, JobRecord, JobRequest

URL: Final = "url"
B64: Final = "b64_json"

_NO_STREAM: Final = (
    "pictures are not streamed here; leave it out. GET /v1/jobs/{id}/events follows the job"
)
_NOT_MADE: Final = "genq passes on PNG, JPEG and WebP pictures; leave it out"
REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stream": _NO_STREAM,
        "partial_images": _NO_STREAM,
        "svg": _NOT_MADE,
        "frame_count": _NOT_MADE,
        "frame_duration_ms": _NOT_MADE,
    }
)
HARMLESS: Final[Mapping[str, Sequence[Any]]] = MappingProxyType(
    {"stream": (False,), "partial_images": (0,)}
)
_RULES: Final = Rules(
    kind=Kind.IMAGE,
    dropped=frozenset({"response_format"}),
    refused=REFUSED,
    harmless=HARMLESS,
)
_FORMATS: Final = MappingProxyType(
    {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp", "image/gif": "gif"}
)


@dataclass(frozen=True, slots=True)
class ImageGenerations:
    """Pictures made of words. See ``Endpoint``."""

    path: str = "/v1/images/generations"
    face: str = "openai.images"
    kind: Kind = Kind.IMAGE

    def request_of(self, body: Mapping[str, Any], defaults: Defaults) -> JobRequest:
        """See ``Endpoint.request_of``."""
        check_response_format(body)
        return request_from(body, defaults, _RULES)

    async def answer_of(
        self, job: JobRecord, asked: Mapping[str, Any], reading: Reading
    ) -> dict[str, Any]:
        """See ``Endpoint.answer_of``."""
        return await pictures_of(job, asked, reading)


def check_response_format(body: Mapping[str, Any]) -> None:
    """Refuse a form of the answer that there is not.

    Raises:
        InputError: ``response_format`` is neither ``url`` nor ``b64_json``.
    """
    if body.get("response_format") not in (None, URL, B64):
        message = f"must be {URL} or {B64}; without it, answers have both"
        fault = FieldError("/response_format", message)
        raise InputError(f"response_format {message}", fields=[fault])


async def pictures_of(
    job: JobRecord, asked: Mapping[str, Any], reading: Reading
) -> dict[str, Any]:
    """Return OpenAI's answer with what a job painted.

    Args:
        job: It succeeded, and its content is there.
        asked: The body that asked for it.
        reading: Where the pictures lie.

    Raises:
        ObjectStoreError: A picture could not be read.
    """
    forms = _forms(job, asked)
    revised: Sequence[str] = job.made.get("revised_prompts") or ()
    data = [
        await _picture(job, artifact, forms, reading, revised=_at(revised, n))
        for n, artifact in enumerate(job.artifacts)
    ]
    ended = job.finished_at or job.created_at
    return {
        "created": int(ended.timestamp()),
        "data": data,
        **_about(job),
        GENQ: genq_member(job, reading.public_url),
    }


def _forms(job: JobRecord, asked: Mapping[str, Any]) -> tuple[str, ...]:
    wanted: str | None = asked.get("response_format")
    if wanted is not None:
        return (wanted,)
    return (B64, URL) if job.batch_id is None else (URL,)


async def _picture(
    job: JobRecord,
    artifact: Artifact,
    forms: Sequence[str],
    reading: Reading,
    *,
    revised: str | None,
) -> dict[str, Any]:
    picture: dict[str, Any] = {}
    if B64 in forms:
        stored = await reading.store.get(artifact.key)
        picture[B64] = b64encode(await stored.read()).decode("ascii")
    if URL in forms:
        link = reading.links.artifact_link(job.tenant_id, job.id, artifact.index)
        picture[URL] = link
    if revised:
        picture["revised_prompt"] = revised
    return picture


def _about(job: JobRecord) -> dict[str, Any]:
    """Return what is said of all pictures together, as far as it is known."""
    first = next(iter(job.artifacts), None)
    known: dict[str, Any] = {
        "background": _chosen(job, "background"),
        "output_format": _FORMATS.get(first.content_type) if first else None,
        "quality": _chosen(job, "quality"),
        "size": f"{first.width}x{first.height}" if first and first.width else None,
        "usage": _usage(job),
        "safety_identifier": job.end_user,
    }
    return {name: value for name, value in known.items() if value is not None}


def _chosen(job: JobRecord, name: str) -> str | None:
    """Return what was asked for; what the model chose by itself is not told."""
    value = job.input.get(name)
    return value if value != "auto" else None


def _usage(job: JobRecord) -> dict[str, Any] | None:
    told: Mapping[str, int] = job.made.get("usage") or {}
    taken, given = told.get("input_tokens"), told.get("output_tokens")
    if taken is None and given is None:
        return None
    taken, given = taken or 0, given or 0
    return {
        "input_tokens": taken,
        # Of words alone where words are all that was given; else nobody told the shares.
        "input_tokens_details": {"image_tokens": 0, "text_tokens": taken}
        if job.kind is Kind.IMAGE
        else None,
        "output_tokens": given,
        "total_tokens": taken + given,
    }


def _at(texts: Sequence[str], index: int) -> str | None:
    return texts[index] if index < len(texts) else None
