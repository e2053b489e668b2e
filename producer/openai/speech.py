"""``/v1/audio/speech``: a text spoken, answered with the file itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Final

from starlette.responses import Response, StreamingResponse

from infra.objectstore.store import ObjectStore
from producer.api.generated_content import MADE, SAFETY
from producer.openai.endpoint import Defaults
from producer.openai.request_parts import Rules, request_from
from schemas.errors import InternalError
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import JobRecord, JobRequest

_NO_STREAM: Final = "must be audio, or left out: genq answers with the whole file"
_RULES: Final = Rules(
    kind=Kind.SPEECH,
    refused=MappingProxyType({"stream": _NO_STREAM, "stream_format": _NO_STREAM}),
    harmless=MappingProxyType({"stream": (False,), "stream_format": ("audio",)}),
)


@dataclass(frozen=True, slots=True)
class Speech:
    """The endpoint of speech. See ``Door``."""

    path: str = "/v1/audio/speech"
    face: str = "openai.speech"
    kind: Kind = Kind.SPEECH

    def request_of(self, body: Mapping[str, Any], defaults: Defaults) -> JobRequest:
        """Return the job that a body asks for. See ``Door.request_of``."""
        return request_from(body, defaults, _RULES)

    async def file_of(
        self, job: JobRecord, store: ObjectStore, headers: Mapping[str, str]
    ) -> Response:
        """Return the answer that sends what a job spoke.

        Args:
            job: It succeeded, and its content is there.
            store: Where the file lies.
            headers: What else the answer tells.

        Raises:
            ObjectStoreError: The file could not be read.
            InternalError: The job made none.
        """
        artifact = next(iter(job.artifacts), None)
        if artifact is None:
            raise InternalError("a speech job ended well, and there is no file of it")
        name = f"{format_id('job', job.id)}-0{PurePosixPath(artifact.key).suffix}"
        stored = await store.get(artifact.key)
        told = {
            **headers,
            "content-length": str(stored.size),
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "private, no-store",
            **SAFETY,
            **MADE,
        }
        return StreamingResponse(stored.data, 200, told, artifact.content_type)
