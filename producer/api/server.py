"""uvicorn as genq runs it: its socket is ours before anything starts, its stop holds nobody."""

import errno
import resource
import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

from infra.settings import Settings
from producer.api.connections import Patience, connection_class
from producer.api.waiters import Waiters
from schemas.errors import SettingsError

_GRACE_SECONDS: Final = 5
_BACKLOG: Final = 2048
# Connections to servers, files of artifacts, libraries.
_OTHER_FILES: Final = 512


class PortTakenError(SettingsError):
    """Another process listens there."""


class ApiServer(uvicorn.Server):
    """Answers held requests before it waits for connections to end.

    Args:
        app: What it serves.
        waiters: Who is let go when it stops.
        patience: What clients may ask of it.
        settings: Where its certificate is, if it speaks TLS itself.
    """

    def __init__(
        self,
        app: FastAPI,
        waiters: Waiters,
        patience: Patience | None = None,
        settings: Settings | None = None,
    ) -> None:
        patience = patience or Patience()
        super().__init__(
            uvicorn.Config(
                app,
                http=connection_class(patience, app.state.public_url),
                timeout_keep_alive=patience.idle_seconds,
                ssl_certfile=settings.api_tls_cert if settings else None,
                ssl_keyfile=settings.api_tls_key if settings else None,
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
        try:
            self.config.load()
        except OSError as error:
            # ssl.SSLError is one too.
            raise SettingsError(
                f"GENQ_API_TLS_CERT and GENQ_API_TLS_KEY cannot be used: {error}"
            ) from None

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
        listening = socket.create_server(address, family=family, backlog=_BACKLOG)
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
    # Accepted sockets inherit it. uvloop sets it by itself; asyncio's own loop does not for
    # sockets made so, and then an answer waits 40 ms for the client's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url_of(listening: socket.socket, *, tls: bool = False) -> str:
    """Return the URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def allow_connections(wanted: int) -> None:
    """Raise the limit of open files, as far as the machine lets us: most start at 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
