"""Spans: what happened within what, from an HTTP request to its webhook, if traces are wanted.

Off unless they are asked for (``GENQ_TRACES``, ``OTEL_EXPORTER_OTLP_ENDPOINT``); then a span
costs one look at an attribute. OpenTelemetry is an extra and is imported only when it is used
(``infra/telemetry/otel.py``).

A job's trace goes on in other processes by its ``traceparent`` (W3C Trace Context), which is
stored with the job. The spans of dispatcher, worker and delivery are children of the span that
submitted it, so that one trace id shows all of a job, whenever it runs; the worker's also has
a link to it, by which tools find the other end that do not wait for late children.
"""

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import Enum
from typing import Any, Final, Protocol, Self

import structlog

from infra.settings import Settings, otlp_endpoint
from schemas.errors import SettingsError

HEADER: Final = "traceparent"
_BACKEND: Final = "infra.telemetry.otel"
_EXTRA: Final = "opentelemetry is not installed: pip install 'genq[otel]'"

Value = str | int | float | bool
_log: Final = structlog.get_logger()


class SpanKind(Enum):
    """Which side of a conversation a span is, as OpenTelemetry names them."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


class Span(Protocol):
    """A piece of work under way. Its context manager ends it, as failed if it raised."""

    def set(self, name: str, value: Value) -> None:
        """Add an attribute."""
        ...

    def rename(self, name: str) -> None:
        """Take another name, once more is known."""
        ...

    def fail(self, error_type: str) -> None:
        """Say that the work failed, by the error's stable code."""
        ...


class Tracer(Protocol):
    """Makes spans; ``infra.telemetry.otel`` holds the one there is.

    Attributes:
        prompts: Whether spans may hold prompts.
    """

    prompts: bool

    def span(
        self,
        name: str,
        kind: SpanKind,
        *,
        parent: str | None,
        linked: bool,
        attributes: Mapping[str, Value],
    ) -> AbstractContextManager[Span]:
        """Begin a span and make it current for the block."""
        ...

    def current(self) -> Span:
        """Return the current span, or one that does nothing."""
        ...

    def traceparent(self) -> str | None:
        """Return the current span as W3C Trace Context writes it."""
        ...

    def ids(self) -> tuple[str, str] | None:
        """Return the ids of the current trace and span, in hexadecimal."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


class _NoSpan:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def set(self, name: str, value: Value) -> None: ...

    def rename(self, name: str) -> None: ...

    def fail(self, error_type: str) -> None: ...


class Tracing:
    """Whether this process traces. ``tracer`` is ``None`` while it does not."""

    __slots__ = ("tracer",)

    def __init__(self) -> None:
        self.tracer: Tracer | None = None


# One per process, as the loggers and the metrics are.
TRACING: Final = Tracing()
NO_SPAN: Final = _NoSpan()


def configure_tracing(settings: Settings, *, process: str) -> None:
    """Begin to trace, if the settings say so; called once, at a process's entry.

    Args:
        settings: ``traces`` and ``log_prompts`` are read.
        process: The end of the service's name, as in ``genq-api``.

    Raises:
        SettingsError: Traces are asked for by name, and the extra is not installed.
    """
    way = settings.traces
    if way == "auto":
        way = "otlp" if otlp_endpoint() else "off"
    if way == "off":
        return
    try:
        backend: Any = importlib.import_module(_BACKEND)
    except ImportError:
        if settings.traces != "auto":
            raise SettingsError(f"GENQ_TRACES={way}: {_EXTRA}") from None
        _log.warning("traces_off", reason=_EXTRA)
        return
    TRACING.tracer = backend.open_tracer(way, process=process, prompts=settings.log_prompts)


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    parent: str | None = None,
    linked: bool = False,
    attributes: Mapping[str, Value] | None = None,
) -> AbstractContextManager[Span]:
    """Return a span for a ``with`` block; one that does nothing while traces are off.

    Args:
        name: Of few different values: what varies is an attribute.
        kind: Which side of a conversation this is.
        parent: A ``traceparent`` from elsewhere; the current span if not given.
        linked: Also link to ``parent``.
        attributes: What is known from the beginning.
    """
    tracer = TRACING.tracer
    if tracer is None:
        return NO_SPAN
    return tracer.span(name, kind, parent=parent, linked=linked, attributes=attributes or {})


def current_span() -> Span:
    """Return the span under way, or one that does nothing."""
    return NO_SPAN if TRACING.tracer is None else TRACING.tracer.current()


def traceparent() -> str | None:
    """Return the current span's ``traceparent``; ``None`` while there is none."""
    return None if TRACING.tracer is None else TRACING.tracer.traceparent()
