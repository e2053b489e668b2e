"""The spans of a worker: one attempt, its calls of model servers, what it stores.

Names of ``gen_ai.*`` attributes are those of OpenTelemetry's conventions for generative AI
(https://github.com/open-telemetry/semantic-conventions-genai), which are still in development:
they are written here and nowhere else. Prompts are not in them, unless ``GENQ_LOG_PROMPTS``.
"""

import time
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from infra.telemetry.tracing import NO_SPAN, TRACING, Span, SpanKind, Value, span
from schemas.claim import Claim
from schemas.generation import Kind, Usage
from schemas.ids import format_id
from schemas.model_catalog import ModelServer

# There is no operation of images in the conventions: their word for it is the output type.
_OPERATIONS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.IMAGE: ("generate_content", "image"),
    Kind.CHAT: ("chat", "text"),
    Kind.EMBEDDING: ("embeddings", "embedding"),
    Kind.COMPLETION: ("text_completion", "text"),
    Kind.IMAGE_EDIT: ("generate_content", "image"),
    Kind.SPEECH: ("generate_content", "speech"),
}
_REQUEST: Final[Mapping[str, str]] = {
    "n": "gen_ai.request.choice.count",
    "seed": "gen_ai.request.seed",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
}


def attempt_span(claim: Claim) -> AbstractContextManager[Span]:
    """Return the span of an attempt: a child of the submit, however long ago, and linked."""
    if TRACING.tracer is None:
        return NO_SPAN
    queue = claim.lane.queue
    attributes: dict[str, Value] = {
        "messaging.system": "celery",
        "messaging.destination.name": queue,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": format_id("job", claim.job_id),
        "genq.kind": claim.kind.value,
        "genq.model": claim.model,
        "genq.attempt": claim.attempt,
        "genq.wait_s": (claim.started_at - claim.created_at).total_seconds(),
    }
    return span(
        f"process {queue}",
        SpanKind.CONSUMER,
        parent=claim.traceparent,
        linked=True,
        attributes=attributes,
    )


def call_span(server: ModelServer, claim: Claim) -> AbstractContextManager[Span]:
    """Return the span of one call of a model server."""
    tracer = TRACING.tracer
    if tracer is None:
        return NO_SPAN
    operation, output = _OPERATIONS[claim.kind]
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": server.name,
        "gen_ai.request.model": claim.model,
        "gen_ai.output.type": output,
        **_address(server.base_url),
        **_parameters(claim.input),
    }
    if tracer.prompts:
        attributes["gen_ai.input.messages"] = orjson.dumps(dict(claim.input)).decode()
    return _timed(span(f"{operation} {claim.model}", SpanKind.CLIENT, attributes=attributes))


def tell_usage(call: Span, claim: Claim, usage: Usage) -> None:
    """Add what a call used, as far as its model server told."""
    call.set("gen_ai.response.model", claim.model)
    if usage.input_tokens is not None:
        call.set("gen_ai.usage.input_tokens", usage.input_tokens)
    if usage.output_tokens is not None:
        call.set("gen_ai.usage.output_tokens", usage.output_tokens)


def put_span(size: int, content_type: str) -> AbstractContextManager[Span]:
    """Return the span of one picture on its way to the object store; ``size`` in bytes."""
    if TRACING.tracer is None:
        return NO_SPAN
    about: dict[str, Value] = {"genq.object.bytes": size, "genq.object.type": content_type}
    return span("put object", SpanKind.CLIENT, attributes=about)


@contextmanager
def _timed(call: AbstractContextManager[Span]) -> Generator[Span]:
    """Tell how long the model took, for those who look at attributes alone."""
    with call as under_way:
        began = time.monotonic()
        try:
            yield under_way
        finally:
            under_way.set("model_latency", time.monotonic() - began)


def _address(url: str) -> dict[str, Value]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}


def _parameters(given: Mapping[str, Any]) -> dict[str, Value]:
    return {
        name: given[parameter]
        for parameter, name in _REQUEST.items()
        if given.get(parameter) is not None
    }
