"""How a call is answered whose job ended well: in JSON, or with a file."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from producer.api.bodies import encode
from producer.openai.endpoint import Endpoint, Reading
from producer.openai.speech import Speech
from schemas.job import JobRecord

Called = Endpoint | Speech
"""What can be called."""
JSON: Final = "application/json"


async def ended_answer(
    endpoint: Called,
    job: JobRecord,
    asked: Mapping[str, Any],
    reading: Reading,
    headers: Mapping[str, str],
) -> Response:
    """Return the answer.

    Args:
        endpoint: Which was called.
        job: It succeeded, and its content is there.
        asked: The body that asked for it.
        reading: Where to find what it made.
        headers: What the answer tells of the job.

    Raises:
        ObjectStoreError: An artifact could not be read.
    """
    if isinstance(endpoint, Speech):
        return await endpoint.file_of(job, reading.store, headers)
    answer = await endpoint.answer_of(job, asked, reading)
    return Response(encode(answer), 200, headers, JSON)
