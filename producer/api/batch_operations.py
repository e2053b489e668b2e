"""The routes of batches as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api import batches as routes
from producer.api.batch_results import LARGEST_PAGE, send_results
from producer.api.document import IDEMPOTENCY_KEY, answer, parameter, problems
from producer.api.json_body import JSON_BODY
from producer.api.operations import Operation
from producer.api.services import Services

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_PATH: Final = "/v1/batches/{batch_id}"
_ID: Final = parameter(
    "path", "batch_id", "The batch's id, batch_…", pattern="^batch_[0-9a-z]{26}$"
)
_UNKNOWN: Final = problems(_404="This tenant has no such batch.")
_MADE: Final = ("Location", "Idempotent-Replayed")

CREATE_BATCH: Final = Operation(
    name="create_batch",
    method="POST",
    path="/v1/batches",
    tag="batches",
    openai=True,
    summary="Make a batch",
    description="Of an uploaded file, one request a line. Its lines become jobs, and end "
    "whatever dies meanwhile; the answers are there line by line, and as files in the end.",
    parameters=[IDEMPOTENCY_KEY],
    body="BatchRequest",
    answers={200: answer("The batch is accepted.", "BatchView", headers=_MADE)}
    | JSON_BODY
    | problems(
        _422="The Idempotency-Key was used with another body.",
        _429="As many batches are under way as may be, or more calls are made.",
    ),
)
LIST_BATCHES: Final = Operation(
    name="list_batches",
    path="/v1/batches",
    tag="batches",
    openai=True,
    summary="List batches",
    description="Newest first.",
    parameters=[
        parameter(
            "query",
            "limit",
            "How many batches.",
            type="integer",
            minimum=1,
            maximum=routes.LARGEST_LIMIT,
            default=routes.DEFAULT_LIMIT,
        ),
        parameter("query", "after", "The 'last_id' of the page before.", maxLength=64),
    ],
    answers={200: answer("One page of batches.", "BatchPage")}
    | problems(_400="A query parameter is wrong."),
)
SHOW_BATCH: Final = Operation(
    name="get_batch",
    path=_PATH,
    tag="batches",
    openai=True,
    summary="Look at a batch",
    description="How far it is, when it will have ended, and why lines of it failed.",
    parameters=[_ID],
    answers={200: answer("The batch.", "BatchView")} | _UNKNOWN,
)
CANCEL_BATCH: Final = Operation(
    name="cancel_batch",
    method="POST",
    path=f"{_PATH}/cancel",
    tag="batches",
    openai=True,
    summary="Cancel a batch",
    description="What has ended stays, and stands in its files; all else is cancelled. To "
    "cancel twice is to cancel once.",
    parameters=[_ID],
    answers={200: answer("The batch.", "BatchView")}
    | _UNKNOWN
    | problems(_400="It has ended in another way."),
)
RETRY_BATCH: Final = Operation(
    name="retry_batch",
    method="POST",
    path=f"{_PATH}/retry",
    tag="batches",
    openai=True,
    summary="Try the failed lines of a batch again",
    description="A new batch of the same file: of the lines that did not succeed, and no "
    "others. Its metadata names the first one as retry_of.",
    parameters=[_ID, IDEMPOTENCY_KEY],
    body="BatchRetry",
    body_required=False,
    answers={200: answer("The new batch.", "BatchView", headers=_MADE)}
    | _UNKNOWN
    | JSON_BODY
    | problems(
        _400="The batch runs, none of its lines failed, or its file is gone.",
        _422="The Idempotency-Key was used for something else.",
        _429="As many batches are under way as may be, or more calls are made.",
    ),
)
BATCH_RESULTS: Final = Operation(
    name="get_batch_results",
    path=f"{_PATH}/results",
    tag="batches",
    openai=True,
    summary="Stream the results of a batch",
    description="Of the lines that have ended so far, in that order: each as in the output "
    "and error files, with seq, its place. X-Genq-Next-After goes into after, to go on from "
    "there; X-Genq-Batch-Status tells whether there can be more.",
    parameters=[
        _ID,
        parameter(
            "query",
            "after",
            "The seq of the last line that is known.",
            type="integer",
            minimum=0,
            default=0,
        ),
        parameter(
            "query",
            "limit",
            "How many lines; absent: all.",
            type="integer",
            minimum=1,
            maximum=LARGEST_PAGE,
            example=1000,
        ),
        parameter(
            "query",
            "include",
            "Lines that succeeded, the others, or both.",
            enum=["all", "output", "errors"],
            default="all",
        ),
    ],
    answers={
        200: answer(
            "One JSON object a line.",
            "BatchResultLine",
            media_type="application/x-ndjson",
            headers=("X-Genq-Next-After", "X-Genq-Batch-Status"),
        )
    }
    | _UNKNOWN
    | problems(_400="A query parameter is wrong."),
)

BATCH_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (CREATE_BATCH, routes.create_batch),
    (LIST_BATCHES, routes.list_some_batches),
    (SHOW_BATCH, routes.show_batch),
    (CANCEL_BATCH, routes.cancel_one_batch),
    (RETRY_BATCH, routes.retry_batch),
    (BATCH_RESULTS, send_results),
)
