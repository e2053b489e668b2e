"""Model servers that take no calls for now, as every process may know them.

A dispatcher releases nothing for a model all of whose servers are closed. The row is a limiter
without a rate of its own: ``server:<name>`` with ``closed_until``.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# In the order of the keys: two writers of the same servers cannot wait for each other.
_CLOSE: Final = text("""
INSERT INTO limiter (key, emission, burst, closed_until)
SELECT 'server:' || x.name, interval '0', 0, clock_timestamp() + x.pause
FROM unnest(CAST(:names AS text[]), CAST(:pauses AS interval[])) AS x(name, pause)
ORDER BY x.name
ON CONFLICT (key) DO UPDATE
  SET closed_until = GREATEST(limiter.closed_until, excluded.closed_until)
""")

_CLOSED: Final = text("""
SELECT substr(m.key, length('server:') + 1) AS name, m.closed_until - n.at AS pause
FROM limiter m CROSS JOIN (SELECT clock_timestamp() AS at) n
WHERE m.key = ANY (CAST(:keys AS text[])) AND m.closed_until > n.at
""")


async def close_servers(connection: AsyncConnection, pauses: Mapping[str, timedelta]) -> None:
    """Close servers for so long from now; one that is closed for longer stays so.

    Args:
        connection: Any connection.
        pauses: By the servers' configured names.
    """
    if pauses:
        await connection.execute(
            _CLOSE, {"names": list(pauses), "pauses": list(pauses.values())}
        )


async def closed_servers(
    connection: AsyncConnection, names: Sequence[str]
) -> dict[str, timedelta]:
    """Return how much longer servers out of ``names`` are closed; open ones are left out."""
    keys = [f"server:{name}" for name in names]
    rows = await connection.execute(_CLOSED, {"keys": keys})
    return {row.name: row.pause for row in rows}
