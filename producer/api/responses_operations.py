"""The routes of responses as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.document import CODES, answer, parameter, problems
from producer.api.openai_operations import CALL_HEADERS, HELD_ANSWERS
from producer.api.operations import Answers, Operation
from producer.api.responses import (
    cancel_response,
    create_response,
    delete_response,
    show_response,
)
from producer.api.services import Services
from schemas.facade_errors import StillRunningError

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_PATH: Final = "/v1/responses/{response_id}"
_ID: Final = parameter(
    "path", "response_id", "The response's id, resp_…", pattern="^resp_[0-9a-z]{26}$"
)
_NONE: Final = problems(_404="This tenant has no such response, or it was deleted.")


def _response(told: str, *, streamed: bool) -> Answers:
    shown = answer(told, "ResponseView")
    if streamed:
        shown["content"]["text/event-stream"] = {}
    return {200: shown}


CREATE_RESPONSE: Final = Operation(
    name="create_response",
    method="POST",
    path="/v1/responses",
    summary="Ask for a response",
    description=(
        "OpenAI's responses, over the queue: words, or a picture where the model or the tool"
        " image_generation makes one. With background, answered at once; else held until its"
        " end, see 408. With stream, its events."
    ),
    tag="openai",
    openai=True,
    parameters=CALL_HEADERS,
    body="ResponseRequest",
    answers=_response("The response.", streamed=True) | HELD_ANSWERS,
)
SHOW_RESPONSE: Final = Operation(
    name="get_response",
    path=_PATH,
    summary="Look at a response, or follow it",
    description="With stream=true its events, from its beginning or from behind one of them.",
    tag="openai",
    openai=True,
    parameters=[
        _ID,
        parameter("query", "stream", "true: its events.", enum=["true", "false"]),
        parameter(
            "query",
            "starting_after",
            "The sequence_number of the last event that was seen.",
            type="integer",
            minimum=0,
            maximum=2**53,
        ),
    ],
    answers=_response("The response.", streamed=True)
    | _NONE
    | problems(_400="A query parameter is wrong."),
)
CANCEL_RESPONSE: Final = Operation(
    name="cancel_response",
    method="POST",
    path=_PATH + "/cancel",
    summary="Cancel a response",
    description="One that has ended stays as it is. A running one ends within seconds.",
    tag="openai",
    openai=True,
    parameters=[_ID],
    answers=_response("The response.", streamed=False) | _NONE,
)
DELETE_RESPONSE: Final = Operation(
    name="delete_response",
    method="DELETE",
    path=_PATH,
    summary="Delete a response",
    description="What was asked and made is erased. One that runs is cancelled first.",
    tag="openai",
    openai=True,
    parameters=[_ID],
    answers={200: answer("It is gone.", "ResponseDeletedView")}
    | _NONE
    | problems(
        _408="It is being cancelled; try again in a moment.",
        _422="A legal hold keeps it.",
    ),
)
DELETE_RESPONSE.answers[408][CODES] = [StillRunningError.code]

RESPONSE_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (CREATE_RESPONSE, create_response),
    (SHOW_RESPONSE, show_response),
    (CANCEL_RESPONSE, cancel_response),
    (DELETE_RESPONSE, delete_response),
)
