"""What was used, and what it cost: entries as attempts end, added up by the hour.

Both tables have the same columns. An entry lives until a dispatcher adds it to its hour, in the
transaction that deletes it: what a tenant has used is the one and the other. Hours are kept for
much longer than jobs, and hold nothing of their content.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from schemas.tables.metadata import HOT, metadata

_NOBODY: Final = text("''")
_NO_BATCH: Final = text("'00000000-0000-0000-0000-000000000000'")
_NONE: Final = text("0")
# Rows come and go: vacuum at once.
_QUEUE: Final[dict[str, Any]] = {
    "postgresql_with": {
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_cost_delay": 0,
    }
}


def _key(name: str, kind: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **options)


def _count(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False, server_default=_NONE)


# No key and no index: it is written at every end of a job, and read and emptied as a whole.
usage_entry = Table(
    "usage_entry",
    metadata,
    _key("tenant_id", BigInteger),
    _key("at", DateTime(timezone=True)),
    _key("kind", SmallInteger),
    _key("lane", SmallInteger),
    # It was an earlier job's output: no model was called.
    _key("cached", Boolean),
    # The model that the job named, the one that answered, and on which server; '' for none.
    _key("asked", Text),
    _key("model", Text, server_default=_NOBODY),
    _key("server", Text, server_default=_NOBODY),
    _key("end_user", Text, server_default=_NOBODY),
    _key("batch_id", UUID(), server_default=_NO_BATCH),
    _count("jobs"),
    _count("succeeded"),
    _count("images"),
    _count("pixels"),
    _count("input_tokens"),
    _count("cached_tokens"),
    _count("output_tokens"),
    _count("reasoning_tokens"),
    # In millionths of a dollar: what tenants are charged, and what the calls cost, whatever
    # became of the jobs.
    _count("money"),
    _count("worth"),
    # How long calls of model servers took.
    _count("milliseconds"),
    **_QUEUE,
)

usage_hour = Table(
    "usage_hour",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    # When the hour begins, in UTC.
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("cached", Boolean, primary_key=True),
    Column("asked", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("server", Text, primary_key=True),
    Column("end_user", Text, primary_key=True),
    Column("batch_id", UUID(), primary_key=True),
    _count("jobs"),
    _count("succeeded"),
    _count("images"),
    _count("pixels"),
    _count("input_tokens"),
    _count("cached_tokens"),
    _count("output_tokens"),
    _count("reasoning_tokens"),
    _count("money"),
    _count("worth"),
    _count("milliseconds"),
    **HOT,
)
# Those whose time is over.
Index("ix_usage_hour_at", usage_hour.c.at)
# Whom they name: an erasure looks through all names.
Index(
    "ix_usage_hour_end_user",
    usage_hour.c.tenant_id,
    usage_hour.c.end_user,
    postgresql_where=usage_hour.c.end_user != _NOBODY,
)
