"""Spans by the OpenTelemetry SDK: the only module that knows it (extra ``otel``)."""

import atexit
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from infra.telemetry.metrics import installed_version
from infra.telemetry.tracing import HEADER, Span, SpanKind, Value
from schemas.errors import GenqError

_TEXT: Final = TraceContextTextMapPropagator()
_LAST_SPANS_SECONDS: Final = 2.0


class OtelSpan:
    """A span of OpenTelemetry's, by genq's few words."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, name: str, value: Value) -> None:
        """Add an attribute."""
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        """Take another name."""
        self._span.update_name(name)

    def fail(self, error_type: str) -> None:
        """Say that the work failed."""
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(trace.StatusCode.ERROR, error_type)


class OtelTracer:
    """Makes spans and hands them to a provider's exporters."""

    def __init__(self, provider: TracerProvider, *, prompts: bool) -> None:
        self.prompts = prompts
        self._provider = provider
        self._tracer = provider.get_tracer("genq", installed_version())
        # Begun now: a process that ends may start no thread any more.
        self._ending = Event()
        self._closer = Thread(target=self._close_at_the_end, name="last-spans", daemon=True)
        self._closer.start()

    @contextmanager
    def span(
        self,
        name: str,
        kind: SpanKind,
        *,
        parent: str | None,
        linked: bool,
        attributes: Mapping[str, Value],
    ) -> Generator[Span]:
        """Begin a span and make it current; see ``infra.telemetry.tracing.span``."""
        context = _TEXT.extract({HEADER: parent}, context=Context()) if parent else None
        from_afar = trace.get_current_span(context).get_span_context() if context else None
        links = [trace.Link(from_afar)] if linked and from_afar and from_afar.is_valid else []
        with self._tracer.start_as_current_span(
            name,
            context,
            trace.SpanKind[kind.value],
            attributes=attributes,
            links=links,
            # A message may quote what no trace shall hold; the code is enough.
            record_exception=False,
            set_status_on_exception=False,
        ) as begun:
            span = OtelSpan(begun)
            try:
                yield span
            except GenqError as error:
                span.fail(error.code)
                raise
            except BaseException as error:
                span.fail(type(error).__name__)
                raise

    def current(self) -> Span:
        """Return the current span."""
        return OtelSpan(trace.get_current_span())

    def traceparent(self) -> str | None:
        """Return the current span as W3C Trace Context writes it."""
        carrier: dict[str, str] = {}
        _TEXT.inject(carrier)
        return carrier.get(HEADER)

    def ids(self) -> tuple[str, str] | None:
        """Return the ids of the current trace and span."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return None
        return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)

    def close(self) -> None:
        """Send what is left, and stop; a collector that is away holds no process up."""
        self._ending.set()
        self._closer.join(_LAST_SPANS_SECONDS)

    def _close_at_the_end(self) -> None:
        self._ending.wait()
        self._provider.shutdown()


def open_tracer(way: str, *, process: str, prompts: bool) -> OtelTracer:
    """Return a tracer that exports as OpenTelemetry's own variables say.

    Args:
        way: ``otlp`` or ``console``, which is one JSON line per span on standard error.
        process: The end of the service's name.
        prompts: Whether spans may hold prompts.
    """
    about = {"service.name": f"genq-{process}", "service.version": installed_version()}
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    if way == "console":
        console = ConsoleSpanExporter(out=sys.stderr, formatter=_line)
        provider.add_span_processor(SimpleSpanProcessor(console))
    else:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = OtelTracer(provider, prompts=prompts)
    atexit.register(tracer.close)
    return tracer


def _line(span: ReadableSpan) -> str:
    return f"{span.to_json(indent=None)}\n"
