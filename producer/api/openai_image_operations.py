"""The routes of pictures in OpenAI's shapes, as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.document import answer, problems
from producer.api.openai_calls import route_of
from producer.api.openai_edits import edit_images
from producer.api.openai_operations import CALL_HEADERS, HELD_ANSWERS
from producer.api.operations import Operation
from producer.api.services import Services

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_TAG: Final = "openai"
_ANSWERED: Final = (
    " Each picture is answered as b64_json and as url, unless response_format chose one; lines "
    "of batches get url alone, as their files would be huge. A url needs no key. The call is "
    "held until its job has ended; see 408."
)

CREATE_IMAGE: Final = Operation(
    name="create_image",
    method="POST",
    path="/v1/images/generations",
    summary="Make pictures",
    description="OpenAI's image generation, over the queue." + _ANSWERED,
    tag=_TAG,
    openai=True,
    parameters=CALL_HEADERS,
    body="ImageGenerationRequest",
    answers={200: answer("The pictures.", "ImagesView")} | HELD_ANSWERS,
)
EDIT_IMAGE: Final = Operation(
    name="edit_image",
    method="POST",
    path="/v1/images/edits",
    summary="Edit pictures",
    description="OpenAI's image edits, over the queue: a form with pictures (PNG, JPEG or "
    "WebP), or JSON that names them. Pictures of a form are kept as long as the job's prompt "
    "is, so that it can be tried again." + _ANSWERED,
    tag=_TAG,
    openai=True,
    parameters=CALL_HEADERS,
    body="ImageEditRequest",
    form="ImageEditForm",
    answers={200: answer("The pictures.", "ImagesView")}
    | HELD_ANSWERS
    | problems(_413="The pictures are too large."),
)

IMAGE_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (CREATE_IMAGE, route_of(CREATE_IMAGE.path)),
    (EDIT_IMAGE, edit_images),
)
