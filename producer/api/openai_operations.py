"""The routes of OpenAI's endpoints as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.document import CODES, IDEMPOTENCY_KEY, answer, parameter, problems
from producer.api.json_body import JSON_BODY
from producer.api.model_listing import list_models, show_model
from producer.api.openai_calls import route_of
from producer.api.operations import Answers, Operation
from producer.api.services import Services
from schemas.facade_errors import StillRunningError
from schemas.lanes import Lane
from schemas.speech_input import AUDIO_TYPES

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

CALL_HEADERS: Final[list[dict[str, Any]]] = [
    IDEMPOTENCY_KEY,
    parameter(
        "header",
        "X-Genq-Lane",
        "The lane, where service_tier does not say one.",
        enum=list(Lane),
    ),
    parameter(
        "header",
        "X-Genq-Cancel-On-Disconnect",
        "true cancels the job when the connection breaks.",
        enum=["true", "false"],
    ),
    parameter(
        "header",
        "X-Stainless-Read-Timeout",
        "For how many seconds the client waits; OpenAI's clients send it by themselves.",
        examples=["600"],
    ),
]
"""What every call takes that is held until its job has ended."""
HELD_ANSWERS: Final[Answers] = JSON_BODY | problems(
    _404="No model server offers the model.",
    _408="The job goes on. OpenAI's clients repeat the call, and it attaches to the job.",
    _410="What the job made was erased.",
    _422="The Idempotency-Key was used with another body; or the job was cancelled.",
    _502="The job failed: the model server did.",
    _504="The job failed: it took too long, or did not end in time.",
)
HELD_ANSWERS[408][CODES] = [StillRunningError.code]
# Of jobs: what answers calls elsewhere has other numbers.
HELD_ANSWERS[502][CODES] = [
    "model_bad_answer",
    "model_key_rejected",
    "model_unavailable",
    "stream_broken",
]
HELD_ANSWERS[504][CODES] = ["model_timeout"]
"""What every such call may be answered with besides."""
_HELD: Final = (
    " The call is held until its job has ended; see 408. A job that ends without an answer is "
    "told as an error that OpenAI's clients do not repeat."
)


def _call(name: str, path: str, *, body: str, view: str, **told: str) -> Operation:
    answered = answer("What the model made.", view)
    if told.pop("streamed", ""):
        answered["content"]["text/event-stream"] = {}
    return Operation(
        name=name,
        method="POST",
        path=path,
        summary=told["summary"],
        description=told["description"] + _HELD,
        tag="openai",
        openai=True,
        parameters=CALL_HEADERS,
        body=body,
        answers={200: answered} | HELD_ANSWERS,
    )


CREATE_CHAT_COMPLETION: Final = _call(
    "create_chat_completion",
    "/v1/chat/completions",
    summary="Continue a conversation",
    description="OpenAI's chat completions, over the queue.",
    body="ChatCompletionRequest",
    view="ChatCompletionView",
    streamed="yes",
)
CREATE_COMPLETION: Final = _call(
    "create_completion",
    "/v1/completions",
    summary="Go on with a text",
    description="OpenAI's older way to ask for text, over the queue.",
    body="CompletionRequest",
    view="CompletionView",
    streamed="yes",
)
CREATE_EMBEDDING: Final = _call(
    "create_embedding",
    "/v1/embeddings",
    summary="Turn texts into vectors",
    description="OpenAI's embeddings, over the queue; in digits, or in base64.",
    body="EmbeddingRequest",
    view="EmbeddingView",
)
CREATE_SPEECH: Final = Operation(
    name="create_speech",
    method="POST",
    path="/v1/audio/speech",
    summary="Speak a text",
    description="OpenAI's speech, over the queue; the answer is the whole file. The job made "
    "it as its artifact 0." + _HELD,
    tag="openai",
    openai=True,
    parameters=CALL_HEADERS,
    body="SpeechRequest",
    answers={
        200: {
            "description": "The file; mp3 if response_format says nothing.",
            "content": {
                media_type: {"schema": {"type": "string", "contentMediaType": media_type}}
                for media_type in AUDIO_TYPES
            },
        }
    }
    | HELD_ANSWERS,
)
LIST_MODELS: Final = Operation(
    name="list_models",
    path="/v1/models",
    summary="List models",
    description="Every model that the tenant may name, in configured order.",
    tag="openai",
    openai=True,
    answers={200: answer("The models.", "OpenAIModelPage")},
)
SHOW_MODEL: Final = Operation(
    name="get_model",
    path="/v1/models/{model:path}",
    summary="Look at a model",
    description="Names may have slashes.",
    tag="openai",
    openai=True,
    parameters=[parameter("path", "model", "The model's name.", minLength=1)],
    answers={200: answer("The model.", "OpenAIModelView")}
    | problems(_404="There is no such model, or the tenant may not name it."),
)

OPENAI_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (CREATE_CHAT_COMPLETION, route_of(CREATE_CHAT_COMPLETION.path)),
    (CREATE_COMPLETION, route_of(CREATE_COMPLETION.path)),
    (CREATE_EMBEDDING, route_of(CREATE_EMBEDDING.path)),
    (CREATE_SPEECH, route_of(CREATE_SPEECH.path)),
    (LIST_MODELS, list_models),
    (SHOW_MODEL, show_model),
)
