"""Interim answers (``100 Continue``, ``103 Early Hints``): a few are skipped, a flood is not.

aiohttp reads any number of them, and never lets another task run while there are more: one
server that sends nothing else would stop every other request of the process.
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
"""Bytes that the system takes in for us. What one read returns is parsed in one go, while all
others wait, and no answer is read much further than this."""

_FINAL: Final = 200


class PatientResponse(aiohttp.ClientResponse):
    """An answer whose head may follow a few interim ones."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Wait for the head."""
        protocol = connection.protocol
        if protocol is not None and "read" not in vars(protocol):
            vars(protocol)["read"] = functools.partial(_read_head, protocol)
        return await super().start(connection)


async def _read_head(protocol: ResponseHandler) -> Any:
    for _ in range(MOST_INTERIM):
        found = await ResponseHandler.read(protocol)
        code = found[0].code
        interim = HTTPStatus.CONTINUE <= code < _FINAL
        if not interim or code == HTTPStatus.SWITCHING_PROTOCOLS:
            return found
    if protocol.transport is not None:
        protocol.transport.pause_reading()
    return await asyncio.get_running_loop().create_future()
