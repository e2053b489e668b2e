"""The endpoints that jobs come in by, by their path: for calls and for lines of batches."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from producer.openai.chat import ChatCompletions
from producer.openai.completions import Completions
from producer.openai.edits import ImageEdits
from producer.openai.embeddings import Embeddings
from producer.openai.endpoint import Endpoint
from producer.openai.images import ImageGenerations
from producer.openai.responses import Responses

_ALL: Final[tuple[Endpoint, ...]] = (
    ChatCompletions(),
    Completions(),
    Embeddings(),
    ImageGenerations(),
    ImageEdits(),
    Responses(),
)

ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {endpoint.path: endpoint for endpoint in _ALL}
)
