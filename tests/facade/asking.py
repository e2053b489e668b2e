"""What the tests of responses ask for, and where they look."""

from typing import Any, Final

from schemas.ids import format_id, parse_id
from tests.facade.scene import Scene

ASKED: Final[dict[str, Any]] = {"model": "test-chat", "input": "hello"}
USAGE: Final = {
    "input_tokens": 3,
    "output_tokens": 2,
    "cached_tokens": 1,
    "reasoning_tokens": 1,
}
CALL: Final[dict[str, Any]] = {
    "id": "c1",
    "type": "function",
    "function": {"name": "add", "arguments": '{"a":1}'},
}
ADD: Final[dict[str, Any]] = {
    "type": "function",
    "name": "add",
    "description": "adds",
    "parameters": {"type": "object", "properties": {}},
    "strict": True,
}
SHAPE: Final[dict[str, Any]] = {
    "type": "json_schema",
    "name": "answer",
    "schema": {"type": "object"},
    "strict": True,
}


def responses_of(here: Scene) -> Any:
    """Return the real client's responses; bodies are written as JSON here."""
    return here.client.responses


def job_of(response_id: str) -> str:
    """Return the id of a response's job."""
    return format_id("job", parse_id("resp", response_id))


async def input_of(here: Scene, job_id: str) -> dict[str, Any]:
    """Return what a job asks its model."""
    return (await here.api.http.get(f"/v1/jobs/{job_id}")).json()["input"]
