"""Statements of the hot paths: run by the driver itself, on a connection of SQLAlchemy's.

SQLAlchemy's way from ``text()`` to rows costs a process about 0.3 ms of CPU a statement, which
is more than PostgreSQL takes for most of them. Connections, transactions and errors stay its
own.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

# ``:name``, but not the ``::`` of a cast.
_NAME: Final = re.compile(r"(?<!:):([a-z_]+)\b")


class HotStatement:
    """A statement with ``:named`` binds, as ``text()`` takes it.

    Attributes:
        text: The statement as it was written.
    """

    __slots__ = ("_query", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._query = _NAME.sub(r"%(\1)s", text.replace("%", "%%")).encode()

    async def run(self, connection: AsyncConnection, values: Mapping[str, Any]) -> list[Any]:
        """Return the rows, each a named tuple; none if the statement has no result.

        Raises:
            DBAPIError: What SQLAlchemy would have raised.
        """
        held: Any = connection.sync_connection
        driver: psycopg.AsyncConnection[Any] = held.connection.driver_connection
        try:
            async with driver.cursor(row_factory=namedtuple_row) as cursor:
                await cursor.execute(self._query, values)
                return await cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            if driver.closed:
                # SQLAlchemy shall find out by itself: it then gives up the other connections
                # of the pool as well, and raises.
                await connection.exec_driver_sql("SELECT 1")
            wrapped = DBAPIError.instance(
                self.text, None, error, psycopg.Error, hide_parameters=True
            )
            raise wrapped from error
