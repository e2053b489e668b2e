"""The models that the simulator pretends to have."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from infra.simulator.refusal import RefusalError
from infra.simulator.script import Operation

UPSCALER: Final = "sim-upscale-1"
"""Makes pictures larger, by Lanczos' filter."""
MODELS: Final[Mapping[str, tuple[Operation, ...]]] = MappingProxyType(
    {
        "sim-image-1": ("images", "edits"),
        UPSCALER: ("edits",),
        "sim-chat-1": ("chat", "completions"),
        "sim-embedding-1": ("embeddings",),
        "sim-speech-1": ("speech",),
        "sim-moderation-1": ("moderations",),
    }
)
# Models are as old as this project, whenever the process started.
_CREATED: Final = 1_767_225_600


def show_model(name: str) -> dict[str, Any]:
    """Return a model as ``GET /v1/models/{name}`` shows it.

    Raises:
        RefusalError: 404; no such model.
    """
    if name not in MODELS:
        raise unknown_model(name)
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "genq-simulator"}


def check_model(name: str, operation: Operation) -> None:
    """Refuse a model that does not exist (404) or does something else (400)."""
    offered = MODELS.get(name)
    if offered is None:
        raise unknown_model(name)
    if operation not in offered:
        message = f"The model '{name}' is for {' and '.join(offered)}, not for {operation}."
        raise RefusalError(400, message, code="model_not_supported", param="model")


def unknown_model(name: str) -> RefusalError:
    """Return the 404 for a model."""
    message = f"The model '{name}' does not exist; there are {', '.join(MODELS)}."
    return RefusalError(404, message, code="model_not_found", param="model")
