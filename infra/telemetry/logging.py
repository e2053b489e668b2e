"""Logs of every process: structlog, one line per fact, on standard output.

JSON off a terminal and readable on it. Lines of the standard library, Celery and uvicorn take
the same road, so that one reader and one redaction serve all.
"""

import inspect
import json
import logging
import sys
from typing import Any, BinaryIO, Final, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from infra.settings import Settings
from infra.telemetry.redaction import FieldRedactor, LineRedactor
from infra.telemetry.tracing import TRACING

# Libraries that bring their own root set-up; their lines shall reach ours.
_ADOPTED: Final = (
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
    "celery",
    "celery.task",
    "kombu",
)
# Below these levels the libraries write a line per message or request.
_CHATTY: Final = {
    "celery.app.trace": logging.WARNING,
    "celery.worker.strategy": logging.WARNING,
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "PIL": logging.INFO,
    # Tells of every try to reach a collector that is away.
    "opentelemetry": logging.ERROR,
}
# Below INFO these write request bodies and credentials as plain text, where no redaction by
# field name can find them.
_INDISCREET: Final = (
    "openai",
    "httpcore",
    "httpcore2",
    "botocore",
    "boto3",
    "urllib3",
    "s3transfer",
)


def configure_logging(
    settings: Settings, *, process: str, stream: BinaryIO | None = None
) -> None:
    """Send every log line of this process to ``stream``; called once, at its entry.

    Args:
        settings: ``log_level``, ``log_format`` and ``log_prompts`` are read.
        process: The name that each line carries, such as ``api``.
        stream: Standard output if not given.
    """
    target: BinaryIO = sys.stdout.buffer if stream is None else stream
    terminal = target.isatty()
    console = settings.log_format == "console" or (settings.log_format == "auto" and terminal)
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    stamping: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _process_name(process),
        _add_trace,
        structlog.processors.format_exc_info,
    ]
    finishing: list[Processor] = [
        FieldRedactor(log_prompts=settings.log_prompts),
        (_Console if console else _Json)(settings, colors=terminal),
    ]
    structlog.configure(
        processors=[*stamping, *finishing],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Writers(target),
        # A command may be one of several in a process, each with its own stream and level.
        cache_logger_on_first_use=stream is None,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=stamping,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *finishing,
            _text,
        ],
    )
    _adopt_standard_library(formatter, target, level)


def _adopt_standard_library(formatter: logging.Formatter, target: BinaryIO, level: int) -> None:
    lines = _StandardLibraryLines(target)
    lines.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(level)
    for name in _ADOPTED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name, quiet in _CHATTY.items():
        logging.getLogger(name).setLevel(max(level, quiet) if level > logging.DEBUG else level)
    for name in _INDISCREET:
        logging.getLogger(name).setLevel(max(level, logging.INFO))
    logging.captureWarnings(capture=True)


class _Writer:
    """Puts finished lines on a stream; a line that cannot be written is lost, not fatal."""

    __slots__ = ("_flush", "_write", "name")

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._write = stream.write
        self._flush = stream.flush
        self.name = name

    def msg(self, line: bytes) -> None:
        try:
            self._write(line)
            self._flush()
        except (OSError, ValueError):
            # The reader of the pipe is gone, or the stream is closed. A job is worth more.
            return

    debug = info = warning = error = critical = exception = fatal = log = msg


class _Writers:
    """Makes one writer per logger, named after the module that asked for it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __call__(self, *args: Any) -> _Writer:
        return _Writer(self._stream, str(args[0]) if args else _calling_module())


class _StandardLibraryLines(logging.Handler):
    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._writer = _Writer(stream, "root")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - any fault of a foreign record; logging's own way out
            self.handleError(record)
            return
        self._writer.msg(line.encode("utf-8", "backslashreplace"))


def _calling_module() -> str:
    frame = inspect.currentframe()
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "?"))
        if module != __name__ and not module.startswith("structlog"):
            return module
        frame = frame.f_back
    return "?"


def _process_name(process: str) -> Processor:
    def add_process(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
        del logger, method
        event_dict["process"] = process
        return event_dict

    return add_process


def _add_trace(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
    """Tell the ids of the span under way, if there is one."""
    del logger, method
    if TRACING.tracer is not None and (ids := TRACING.tracer.ids()) is not None:
        event_dict["trace_id"], event_dict["span_id"] = ids
    return event_dict


class _Json:
    def __init__(self, settings: Settings, *, colors: bool) -> None:
        del colors
        self._redact = LineRedactor(log_prompts=settings.log_prompts)

    def __call__(self, logger: WrappedLogger, method: str, event_dict: EventDict) -> bytes:
        del logger, method
        try:
            line = orjson.dumps(event_dict, default=_describe, option=orjson.OPT_APPEND_NEWLINE)
        except TypeError:
            # Half a surrogate pair, an integer past 64 bits, a key that is no text.
            line = json.dumps(event_dict, default=_describe, skipkeys=True).encode() + b"\n"
        return self._redact(line)


def _describe(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a stranger's __str__; the line matters more than its value
        return f"<{type(value).__name__}>"


class _Console:
    def __init__(self, settings: Settings, *, colors: bool) -> None:
        self._redact = LineRedactor(log_prompts=settings.log_prompts)
        # The renderer's own tracebacks would show local variables: prompts and keys.
        self._render = structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback
        )

    def __call__(self, logger: WrappedLogger, method: str, event_dict: EventDict) -> bytes:
        line = self._render(logger, method, event_dict)
        return self._redact(line.encode("utf-8", "backslashreplace") + b"\n")


def _text(logger: WrappedLogger, method: str, line: EventDict) -> str:
    """Hand the rendered line to ``logging``, which knows only ``str``."""
    del logger, method
    return cast("bytes", cast("object", line)).decode("utf-8", "backslashreplace")
