"""Answers that are not quite what HTTP means, and how much of that is put up with.

Of interim answers (``100 Continue``, ``103 Early Hints``) a few are skipped; a flood is not
read. aiohttp reads any number, and never lets another task run while there are more: one server
that sends nothing else would stop every other request of the process.
"""

import asyncio
import functools
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

MOST_INTERIM: Final = 32
"""So many are skipped before nothing more is read: the request then ends with its time."""
RECEIVE_BUFFER: Final = 16 * 1024
"""Bytes that the system takes in ahead where many receivers share a process and answers are
short: what one read returns is parsed in one go, while all others wait."""

_FINAL: Final = 200
_END_OF_HEAD: Final = b"\r\n\r\n"


class HeadFirst(ResponseHandler):
    """Takes in an answer's head before what comes with it.

    aiohttp forgets a head that was good if the same packet goes on with something that is not
    HTTP: a ``204`` with a body, or more bytes than were announced. Such a receiver has taken
    what it was sent, and would be sent it again and again.

    Attributes:
        peer: The address at the other end; ``None``: it has none.
    """

    peer: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with a connection."""
        super().connection_made(transport)
        # Once, and not for each request: it is a call of the system.
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else None

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        end = data.find(_END_OF_HEAD)
        if end < 0:
            super().data_received(data)
            return
        end += len(_END_OF_HEAD)
        super().data_received(data[:end])
        if end < len(data):
            super().data_received(data[end:])


def take_heads_first(connector: aiohttp.BaseConnector) -> None:
    """Have all connections of ``connector`` do as ``HeadFirst`` says."""
    loop = asyncio.get_running_loop()
    # aiohttp has no public place for it.
    vars(connector)["_factory"] = functools.partial(HeadFirst, loop=loop)


class PatientResponse(aiohttp.ClientResponse):
    """An answer whose head may follow a few interim ones."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Wait for the head."""
        protocol = connection.protocol
        if protocol is None:
            return await super().start(connection)
        vars(protocol)["read"] = functools.partial(read_head, protocol)
        try:
            return await super().start(connection)
        finally:
            # It would keep the connection's parts in a circle.
            vars(protocol).pop("read", None)


async def read_head(protocol: ResponseHandler) -> Any:
    """Return the head of a final answer, as aiohttp parses it, and the stream of its body."""
    for _ in range(MOST_INTERIM):
        found = await ResponseHandler.read(protocol)
        code = found[0].code
        interim = HTTPStatus.CONTINUE <= code < _FINAL
        if not interim or code == HTTPStatus.SWITCHING_PROTOCOLS:
            return found
    if protocol.transport is not None:
        protocol.transport.pause_reading()
    return await asyncio.get_running_loop().create_future()
