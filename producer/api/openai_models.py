"""What the OpenAPI document describes of the routes that have OpenAI's shapes."""

from typing import Final

from pydantic import BaseModel

from schemas.batch_request import BatchRequest, BatchRetry
from schemas.batch_result import BatchResultLine
from schemas.batch_view import BatchPage, BatchView

OPENAI_REQUESTS: Final[tuple[type[BaseModel], ...]] = (BatchRequest, BatchRetry)
OPENAI_VIEWS: Final[tuple[type[BaseModel], ...]] = (BatchView, BatchPage, BatchResultLine)
