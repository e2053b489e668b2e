"""What a job made, as the output items of a response."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from infra.objectstore.store import ObjectStore
from producer.openai.genq_member import shown_id
from producer.openai.text_answers import chat_choices
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.response import cut_short

MESSAGE: Final = "message"
FUNCTION_CALL: Final = "function_call"
IMAGE_CALL: Final = "image_generation_call"
OUTPUT_TEXT: Final = "output_text"
REFUSAL: Final = "refusal"

_COMPLETED: Final = "completed"
_INCOMPLETE: Final = "incomplete"

Item = dict[str, Any]


async def output_of(job: JobRecord, store: ObjectStore) -> list[Item]:
    """Return the output of a job's response; empty, unless it succeeded.

    Args:
        job: As it is known, with its content.
        store: Where its pictures lie.

    Raises:
        ObjectStoreError: A picture could not be read.
    """
    if job.state is not JobState.SUCCEEDED:
        return []
    if job.kind.pictures:
        return [await _picture(job, place, store) for place in range(len(job.artifacts))]
    return words_of(job)


def words_of(job: JobRecord) -> list[Item]:
    """Return what a model wrote: a message, calls of functions, or both."""
    choice = chat_choices(job)[0]
    message: Mapping[str, Any] = choice["message"]
    status = _INCOMPLETE if cut_short(job.state, job.made) else _COMPLETED
    calls = _calls(job, message.get("tool_calls") or (), status)
    said = _said(message, choice.get("logprobs"))
    # Who only calls functions says nothing; who does nothing at all has said nothing.
    if calls and said["type"] == OUTPUT_TEXT and not said["text"]:
        return calls
    return [
        {
            "id": message_id(job),
            "type": MESSAGE,
            "role": "assistant",
            "status": status,
            "content": [said],
        },
        *calls,
    ]


def message_id(job: JobRecord) -> str:
    """Return the id of the message that a job writes."""
    return shown_id("msg_", job)


def text_part(text: str, logprobs: Sequence[Any] = ()) -> dict[str, Any]:
    """Return a message's content that is text."""
    return {
        "type": OUTPUT_TEXT,
        "text": text,
        "annotations": [],
        "logprobs": list(logprobs),
    }


def _said(message: Mapping[str, Any], logprobs: Any) -> dict[str, Any]:
    refusal = message.get("refusal")
    if refusal and not message.get("content"):
        return {"type": REFUSAL, "refusal": refusal}
    tokens: Any = None
    if isinstance(logprobs, dict):
        tokens = cast("dict[str, Any]", logprobs).get("content")
    return text_part(message.get("content") or "", tokens or ())


def _calls(job: JobRecord, calls: Sequence[Mapping[str, Any]], status: str) -> list[Item]:
    items: list[Item] = []
    for place, call in enumerate(calls):
        function: Mapping[str, Any] = call.get("function") or {}
        shown = shown_id("fc_", job) + (f"_{place}" if place else "")
        items.append(
            {
                "id": shown,
                "type": FUNCTION_CALL,
                "call_id": call.get("id") or shown.replace("fc_", "call_", 1),
                "name": function.get("name") or "",
                "arguments": function.get("arguments") or "",
                "status": status,
            }
        )
    return items


async def _picture(job: JobRecord, place: int, store: ObjectStore) -> Item:
    artifact = job.artifacts[place]
    stored = await store.get(artifact.key)
    revised: Sequence[str] = job.made.get("revised_prompts") or ()
    item: Item = {
        "id": shown_id("ig_", job) + (f"_{place}" if place else ""),
        "type": IMAGE_CALL,
        "status": _COMPLETED,
        "result": b64encode(await stored.read()).decode("ascii"),
        "output_format": artifact.content_type.partition("/")[2],
    }
    if artifact.width and artifact.height:
        item["size"] = f"{artifact.width}x{artifact.height}"
    if place < len(revised) and revised[place]:
        item["revised_prompt"] = revised[place]
    return item
