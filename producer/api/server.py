"""uvicorn as genq runs it: its socket is ours before anything starts, its stop holds nobody."""

import errno
import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

from producer.api.waiters import Waiters
from schemas.errors import SettingsError

_GRACE_SECONDS: Final = 5
_BACKLOG: Final = 2048


class PortTakenError(SettingsError):
    """Another process listens there."""


class ApiServer(uvicorn.Server):
    """Answers held requests before it waits for connections to end."""

    def __init__(self, app: FastAPI, waiters: Waiters) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                # Nothing of ours depends on the client's address or scheme.
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._waiters = waiters

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: every waiting request gets its job as it is, running ones may end."""
        self._waiters.release()
        await super().shutdown(sockets)


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free one.

    Raises:
        PortTakenError: Another process listens there.
        SettingsError: The address cannot be used.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"port {port} of {host} is taken by another process; stop it, or choose "
                "another one with --port or GENQ_API_PORT"
            ) from None
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error.strerror}; see GENQ_API_HOST and "
            "GENQ_API_PORT"
        ) from None


def url_of(listening: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
