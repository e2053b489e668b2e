"""What is owed to receivers, and the log of what was tried."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from schemas.tables.metadata import HOT, by_range, metadata

# One row per event and receiver until it is taken or given up. The body stays in the outbox.
delivery = Table(
    "delivery",
    metadata,
    Column("id", UUID(), primary_key=True),
    Column("event_id", UUID(), nullable=False),
    Column("job_id", UUID(), nullable=False),
    Column("tenant_id", BigInteger, nullable=False),
    Column("url", Text, nullable=False),
    # Receivers of one tenant at one origin share a lane: slow ones wait for themselves alone.
    Column("origin", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default=text("0")),
    Column("next_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("lease_until", DateTime(timezone=True)),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    **HOT,
)
Index("ix_delivery_next_at", delivery.c.next_at)
# A backlog of one receiver must not be read to find what others are owed.
Index("ix_delivery_lane", delivery.c.tenant_id, delivery.c.origin, delivery.c.next_at)

delivery_attempt = Table(
    "delivery_attempt",
    metadata,
    Column("event_id", UUID(), primary_key=True),
    Column("delivery_id", UUID(), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("outcome", Text, nullable=False),
    Column("status", SmallInteger),
    Column("detail", Text),
    Column("duration_ms", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    **by_range("delivery_attempt"),
)
