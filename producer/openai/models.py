"""``/v1/models``: which models a tenant may name. Pure."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from producer.openai.request_parts import GENQ
from schemas.generation import Kind
from schemas.model_catalog import ModelServer

CREATED: Final = 1_763_640_000
"""Nobody knows since when a server has a model; what is told must not change."""


def models_of(
    servers: Sequence[ModelServer],
    *,
    models: Collection[str] | None,
    kinds: Collection[Kind] | None,
) -> list[dict[str, Any]]:
    """Return OpenAI's model objects, in configured order; a model comes once.

    Args:
        servers: As configured.
        models: What the tenant may name; ``None``: everything.
        kinds: What it may make; ``None``: everything.
    """
    found: dict[str, dict[str, Any]] = {}
    for server in servers:
        for spec in server.models:
            if models is not None and spec.name not in models:
                continue
            if kinds is not None and spec.kind not in kinds:
                continue
            shown = found.setdefault(spec.name, _model(spec.name, server.name))
            if spec.kind.value not in shown[GENQ]["kinds"]:
                shown[GENQ]["kinds"].append(spec.kind.value)
    return list(found.values())


def _model(name: str, owner: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": CREATED,
        "owned_by": owner,
        GENQ: {"kinds": []},
    }
