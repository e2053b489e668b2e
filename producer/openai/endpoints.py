"""The endpoints that jobs come in by, by their path: for calls, and for lines of batches."""

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
from producer.openai.speech import Speech

_ALL: Final[tuple[Endpoint, ...]] = (
    ChatCompletions(),
    Completions(),
    Embeddings(),
    ImageGenerations(),
    ImageEdits(),
    Responses(),
)

_SPEECH: Final = Speech()

ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {endpoint.path: endpoint for endpoint in _ALL}
)
"""Those that answer in JSON, as lines of batches do."""
CALLS: Final[Mapping[str, Endpoint | Speech]] = MappingProxyType(
    {**ENDPOINTS, _SPEECH.path: _SPEECH}
)
"""Those that can be called; OpenAI's batches know no speech, and a line cannot hold a file."""
