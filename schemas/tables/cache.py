"""The cache: which jobs' outputs are given to others, and who makes one that many wait for."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from schemas.tables.metadata import HOT, metadata

_NOW = text("now()")

# An answer that is used again. What it is stays with the job that it was made for.
cache_entry = Table(
    "cache_entry",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("job_id", UUID(), nullable=False),
    # Of the result that it stands for.
    Column("bytes", BigInteger, nullable=False),
    Column("hits", BigInteger, nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("used_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    **HOT,
)
Index("ix_cache_entry_used_at", cache_entry.c.used_at)
Index("ix_cache_entry_expires_at", cache_entry.c.expires_at)
Index("ix_cache_entry_job_id", cache_entry.c.job_id)

# One attempt that asks a model what others wait for. It counts while its attempt runs.
flight = Table(
    "flight",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("job_id", UUID(), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    # Until then a job of a faster lane may take its place.
    Column("calling", Boolean, nullable=False, server_default=text("false")),
    # Somebody waits, or did.
    Column("waited", Boolean, nullable=False, server_default=text("false")),
    Column("until", DateTime(timezone=True), nullable=False),
    **HOT,
)

# Jobs that were put back until a flight ends; fence: as it is while they wait.
flight_waiter = Table(
    "flight_waiter",
    metadata,
    Column("job_id", UUID(), primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("tenant_id", BigInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),
    **HOT,
)
Index("ix_flight_waiter_key", flight_waiter.c.tenant_id, flight_waiter.c.key)
