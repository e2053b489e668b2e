"""Who acts on an installation, as its log tells."""

import getpass
import socket


def operator() -> str:
    """Return the user and the host."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        name = "?"
    return f"{name}@{socket.gethostname()}"
