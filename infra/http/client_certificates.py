"""TLS with a certificate of our own: what mutual TLS asks of a client."""

import contextlib
import os
import ssl
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from typing import Final

from infra.http.connector import client_context

# Each has its own copy of the trusted roots: a megabyte, and 25 ms to make.
_MOST_KEPT: Final = 64


class ClientCertificates:
    """TLS contexts that show a certificate, each made once and kept while it is in use.

    Args:
        fresh: Returns a new context that verifies servers.
        most: Contexts kept; the one that was used longest ago goes.
    """

    def __init__(
        self,
        fresh: Callable[[], ssl.SSLContext] = client_context,
        *,
        most: int = _MOST_KEPT,
    ) -> None:
        self._fresh = fresh
        self._most = most
        self._contexts: OrderedDict[Hashable, ssl.SSLContext] = OrderedDict()

    def context(self, owner: Hashable, certificate: str, key: str) -> ssl.SSLContext:
        """Return a context that shows ``certificate``.

        Args:
            owner: Whose it is, in which revision: who keeps the same context has the same
                connections.
            certificate: PEM, the chain after it.
            key: PEM, without a password.

        Raises:
            ValueError: They are no such pair.
        """
        found = self._contexts.get(owner)
        if found is None:
            found = self._fresh()
            load_certificate(found, certificate, key)
            self._contexts[owner] = found
            if len(self._contexts) > self._most:
                self._contexts.popitem(last=False)
        else:
            self._contexts.move_to_end(owner)
        return found


def load_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Have ``context`` show ``certificate``; ``key`` is never left on a disk.

    Raises:
        ValueError: They are no such pair. The text repeats neither.
    """
    try:
        with _as_file(f"{certificate}\n{key}\n") as path:
            # Without this, OpenSSL would ask the terminal for the key's password.
            context.load_cert_chain(path, password=_no_password)
    except (ssl.SSLError, ValueError):
        raise ValueError(
            "the client certificate cannot be used: give a certificate and its own private "
            "key, both PEM, the key without a password"
        ) from None


def _no_password() -> str:
    # OpenSSL takes an empty one for none and asks again.
    return "\x00"


@contextlib.contextmanager
def _as_file(text: str) -> Generator[str]:
    """Yield a path to read ``text`` from meanwhile: the ssl module takes nothing else."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            os.write(number, text.encode())
            yield f"/proc/self/fd/{number}"
        finally:
            os.close(number)
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(text)
        file.flush()
        yield file.name
