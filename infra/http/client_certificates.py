"""TLS with a certificate of our own: what mutual TLS asks of a client."""

import asyncio
import contextlib
import os
import ssl
import tempfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from weakref import WeakValueDictionary

from infra.http.connector import client_context

# Each has its own copy of the trusted roots: a megabyte, and 25 ms to make.
_MOST_KEPT: Final = 64
_MOST_OF_TENANT: Final = 16

_Key = tuple[int, Hashable]


class ClientCertificates:
    """TLS contexts that show a certificate, each made once and kept while it is in use.

    They are made beside the event loop, one at a time, and those of one tenant one after the
    other: who wants many waits for itself.

    Args:
        fresh: Returns a new context that verifies servers; called in a thread of its own.
        most: Contexts kept, over all tenants. When there are more, one goes of the tenant that
            has the most: the one that was used longest ago.
        most_of_tenant: Contexts kept of one tenant.
    """

    def __init__(
        self,
        fresh: Callable[[], ssl.SSLContext] = client_context,
        *,
        most: int = _MOST_KEPT,
        most_of_tenant: int = _MOST_OF_TENANT,
    ) -> None:
        self._fresh = fresh
        self._most = most
        self._most_of_tenant = most_of_tenant
        self._contexts: OrderedDict[_Key, ssl.SSLContext] = OrderedDict()
        self._making: dict[_Key, asyncio.Task[ssl.SSLContext]] = {}
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        # Its thread begins with the first certificate.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="certificates")

    async def context(
        self, tenant: int, owner: Hashable, certificate: str, key: str
    ) -> ssl.SSLContext:
        """Return a context that shows ``certificate``; who asks meanwhile gets the same one.

        Args:
            tenant: Out of whose share.
            owner: Whose it is, in which revision: who keeps the same context has the same
                connections.
            certificate: PEM, the chain after it.
            key: PEM, without a password.

        Raises:
            ValueError: They are no such pair.
        """
        wanted = (tenant, owner)
        found = self._contexts.get(wanted)
        if found is not None:
            self._contexts.move_to_end(wanted)
            return found
        making = self._making.get(wanted)
        if making is None:
            making = asyncio.create_task(self._make(wanted, certificate, key))
            self._making[wanted] = making
            making.add_done_callback(lambda made: self._made(wanted, made))
        # Who gives up takes it from nobody else.
        return await asyncio.shield(making)

    def close(self) -> None:
        """End the thread; nobody may ask afterwards."""
        self._thread.shutdown(cancel_futures=True)

    async def _make(self, wanted: _Key, certificate: str, key: str) -> ssl.SSLContext:
        turn = self._turns.setdefault(wanted[0], asyncio.Lock())
        loop = asyncio.get_running_loop()
        async with turn:
            return await loop.run_in_executor(
                self._thread, _showing, self._fresh, certificate, key
            )

    def _made(self, wanted: _Key, made: "asyncio.Task[ssl.SSLContext]") -> None:
        del self._making[wanted]
        # Looked at here, for whoever asked may have given up.
        if made.cancelled() or made.exception() is not None:
            return
        self._contexts[wanted] = made.result()
        held = Counter(tenant for tenant, _ in self._contexts)
        largest = max(held.values())
        if largest > self._most_of_tenant or len(self._contexts) > self._most:
            del self._contexts[next(o for o in self._contexts if held[o[0]] == largest)]


def _showing(fresh: Callable[[], ssl.SSLContext], certificate: str, key: str) -> ssl.SSLContext:
    context = fresh()
    load_certificate(context, certificate, key)
    return context


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
