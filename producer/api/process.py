"""The API process: ``python -P -m producer.api [--host H] [--port P]``.

Exit codes: 0 stopped as asked, 1 the port is taken, 8 the settings are wrong.
"""

import argparse
import asyncio
import gc
import signal
import socket
import sys
from typing import Any, Final

import structlog
import uvloop

from infra.settings import Settings, read_settings
from infra.telemetry.logging import configure_logging
from infra.telemetry.tracing import configure_tracing
from producer.api.app import create_app
from producer.api.connections import Patience
from producer.api.server import (
    ApiServer,
    PortTakenError,
    allow_connections,
    open_socket,
    url_of,
)
from producer.api.services import open_services
from schemas.errors import SettingsError

_PORT_TAKEN: Final = 1
_BAD_SETTINGS: Final = 8


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    overrides = _overrides()
    try:
        _run(read_settings(**overrides))
    except SettingsError as error:
        sys.stderr.write(f"genq api: {error.message}\n")
        taken = isinstance(error, PortTakenError)
        raise SystemExit(_PORT_TAKEN if taken else _BAD_SETTINGS) from None


def _run(settings: Settings) -> None:
    listening = open_socket(settings.api_host, settings.api_port)
    allow_connections(settings.api_max_connections)
    if "public_url" not in settings.model_fields_set:
        url = url_of(listening, tls=settings.api_tls_cert is not None)
        settings = settings.model_copy(update={"public_url": url})
    configure_logging(settings, process="api")
    configure_tracing(settings, process="api")
    # uvicorn takes the signals while it serves, and raises them again when it has stopped:
    # what must follow then is a clean exit, not death by signal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listening))


async def _serve(settings: Settings, listening: socket.socket) -> None:
    log = structlog.get_logger("producer.api")
    async with open_services(settings) as services:
        patience = Patience(connections=settings.api_max_connections)
        server = ApiServer(create_app(services), services.waiters, patience, settings)
        url = url_of(listening, tls=settings.api_tls_cert is not None)
        # What is here now stays for good: a full collection must not walk through all of it,
        # which takes some 50 ms, while everybody waits.
        gc.collect()
        gc.freeze()
        log.info("api_listening", url=url, public_url=services.public_url)
        try:
            await server.serve(sockets=[listening])
        finally:
            log.info("api_stopped")


def _leave(*_: object) -> None:
    raise SystemExit(0)


def _overrides() -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="genq api", description="Serve genq's HTTP API.")
    parser.add_argument("--host", help="address to listen on (GENQ_API_HOST)")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for any (GENQ_API_PORT)")
    given = parser.parse_args()
    chosen = {"api_host": given.host, "api_port": given.port}
    return {name: value for name, value in chosen.items() if value is not None}
