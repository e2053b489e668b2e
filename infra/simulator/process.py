"""``python -P -m infra.simulator``: the development model server as a process of its own.

Standard output carries one line, ``{"url": …}``, when it is ready; logs go to standard error.
"""

import argparse
import asyncio
import contextlib
import logging
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Final

import orjson
import structlog
import uvloop

from infra.simulator.app import create_app
from infra.simulator.control import IDENTITY
from infra.simulator.gallery import CACHE_BYTES, PAINTERS, Gallery
from infra.simulator.models import MODELS
from infra.simulator.server import serve

# Painters give the interpreter back this often (seconds), so that answers do not wait for them.
_SWITCH_INTERVAL: Final = 0.001
_MEGABYTE: Final = 1024 * 1024
_CANNOT_LISTEN: Final = 1

_log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    told = _parser().parse_args(arguments)
    _configure_logging()
    _raise_file_limit()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(told))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("genq simulator", description=f"The {IDENTITY}.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8090, help="port; 0 for any free one")
    parser.add_argument(
        "--latency", type=_seconds, default=0.0, help="seconds that each model call takes"
    )
    parser.add_argument(
        "--painters", type=_positive, default=PAINTERS, help="threads that draw pictures"
    )
    parser.add_argument(
        "--cache-mb",
        type=_positive,
        default=CACHE_BYTES // _MEGABYTE,
        help="megabytes of finished pictures to keep",
    )
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: give seconds, 0 or more")
    return seconds


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number, 1 or more")
    return number


async def _run(told: argparse.Namespace) -> int:
    gallery = Gallery(painters=told.painters, cache_bytes=told.cache_mb * _MEGABYTE)
    app = create_app(latency=told.latency, gallery=gallery)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with serve(app, host=told.host, port=told.port) as url:
            _log.info("simulator_started", notice=IDENTITY, url=url, models=list(MODELS))
            sys.stdout.buffer.write(orjson.dumps({"url": url}) + b"\n")
            sys.stdout.buffer.flush()
            await stop.wait()
    except OSError as error:
        _log.error("simulator_cannot_listen", host=told.host, port=told.port, reason=str(error))
        return _CANNOT_LISTEN
    _log.info("simulator_stopped", notice=IDENTITY)
    return 0


def _configure_logging() -> None:
    """Log to standard error without the settings of the service, which this process has not."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer()
            if terminal
            else structlog.processors.JSONRenderer(serializer=_dump),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def _dump(event: object, **options: object) -> str:
    del options
    return orjson.dumps(event, default=str).decode()


def _raise_file_limit() -> None:
    """Allow as many connections as the system does; the usual 1024 files are too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
