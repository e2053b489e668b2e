"""Addresses and ports of the embedded processes."""

import errno
import secrets
import socket
from collections.abc import Collection
from typing import Final

from schemas.errors import SettingsError

LOOPBACK: Final = "127.0.0.1"
# Below what kernels give to outgoing connections: a port chosen here is still free when its
# process is started again.
_PORTS: Final = range(20_000, 32_000)
_TRIES: Final = 100
_EVERYWHERE: Final = {"0.0.0.0": LOOPBACK, "": LOOPBACK, "::": "::1"}  # noqa: S104 - compared, not bound


def reached_at(host: str) -> str:
    """Return where this machine reaches what listens on ``host``."""
    return _EVERYWHERE.get(host, host)


def url_of(host: str, port: int) -> str:
    """Return the HTTP URL of what listens on ``host``, as seen from this machine."""
    name = reached_at(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def claim_port(host: str, port: int, *, but: Collection[int] = ()) -> int:
    """Return ``port`` if it is free on ``host``, or for 0 a free one that is not in ``but``.

    Raises:
        SettingsError: It is taken, or ``host`` is no address of this machine.
    """
    if port:
        _try(host, port)
        return port
    for _ in range(_TRIES):
        chosen = secrets.choice(_PORTS)
        if chosen in but:
            continue
        try:
            _try(host, chosen)
        except _TakenError:
            continue
        return chosen
    raise SettingsError(f"no free port on {host} from {_PORTS.start} to {_PORTS.stop}")


class _TakenError(SettingsError):
    """Somebody else listens there."""


def _try(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: connections that have ended do not hold the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror:
        raise SettingsError(f"--host {host} is not an address of this machine") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _TakenError(
                f"port {port} on {host} is taken by another program; "
                "choose another: --port, or --port 0 for any"
            ) from None
        what = error.strerror or str(error)
        raise SettingsError(f"cannot listen on {host} port {port}: {what}") from None
