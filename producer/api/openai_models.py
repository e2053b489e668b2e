"""What the OpenAPI document describes of the routes that have OpenAI's shapes."""

from typing import Final

from pydantic import BaseModel

from schemas.batch_request import BatchRequest, BatchRetry
from schemas.batch_result import BatchResultLine
from schemas.batch_view import BatchPage, BatchView
from schemas.openai_calls import (
    ChatCompletionRequest,
    ChatCompletionView,
    CompletionRequest,
    CompletionView,
    EmbeddingRequest,
    EmbeddingView,
    OpenAIModelPage,
    OpenAIModelView,
    SpeechRequest,
)
from schemas.openai_images import (
    ImageEditForm,
    ImageEditRequest,
    ImageGenerationRequest,
    ImagesView,
)
from schemas.openai_responses import ResponseDeletedView, ResponseRequest, ResponseView

OPENAI_REQUESTS: Final[tuple[type[BaseModel], ...]] = (
    BatchRequest,
    BatchRetry,
    ChatCompletionRequest,
    CompletionRequest,
    EmbeddingRequest,
    ImageEditForm,
    ImageEditRequest,
    ImageGenerationRequest,
    ResponseRequest,
    SpeechRequest,
)
OPENAI_VIEWS: Final[tuple[type[BaseModel], ...]] = (
    BatchView,
    BatchPage,
    BatchResultLine,
    ChatCompletionView,
    CompletionView,
    EmbeddingView,
    ImagesView,
    OpenAIModelView,
    OpenAIModelPage,
    ResponseView,
    ResponseDeletedView,
)
