"""What is owed to receivers, and the log of what was tried."""

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

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
    # Null: the URL was given with the job.
    Column("endpoint_id", UUID()),
    # The class of the event, as schemas.events.OutboxKind numbers it.
    Column("kind", SmallInteger, nullable=False, server_default=text("1")),
    # The order among the events of one job.
    Column("seq", BigInteger, nullable=False, server_default=text("0")),
    # 0 live, 1 sent again by a recovery: behind everything that is live.
    Column("rank", SmallInteger, nullable=False, server_default=text("0")),
    # Why it is sent, as schemas.webhooks.Trigger numbers it.
    Column("trigger", SmallInteger, nullable=False, server_default=text("0")),
    # PostgreSQL alone reckons it, so that rows of the release before have it too.
    Column(
        "lane_id",
        BigInteger,
        Computed(
            "CAST(CAST('x' || encode(substr(sha256(decode(replace(COALESCE("
            "CAST(endpoint_id AS text), CAST(tenant_id AS text) || ' ' || origin),"
            " chr(92), repeat(chr(92), 2)), 'escape')), 1, 8), 'hex') AS bit(64)) AS bigint)",
            persisted=True,
        ),
    ),
    **HOT,
)
Index("ix_delivery_next_at", delivery.c.next_at)
Index("ix_delivery_due", delivery.c.lane_id, delivery.c.rank, delivery.c.next_at)
# The events of a job are sent in their order.
Index("ix_delivery_job_id", delivery.c.job_id)
# What a tenant is owed, newest first.
Index("ix_delivery_tenant_id_id", delivery.c.tenant_id, delivery.c.id)
# The release before looks for due rows by it.
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
    # Null, as are all below, in rows of the release before.
    Column("id", UUID()),
    Column("tenant_id", BigInteger),
    Column("endpoint_id", UUID()),
    Column("job_id", UUID()),
    Column("type", Text),
    Column("url", Text),
    Column("trigger", SmallInteger),
    Column("started_at", DateTime(timezone=True)),
    # What this attempt made of the delivery, as schemas.webhooks.Ended; null: tried again.
    Column("ended", SmallInteger),
    Column("address", Text),
    Column("dns_ms", Integer),
    Column("connect_ms", Integer),
    Column("tls_ms", Integer),
    Column("first_byte_ms", Integer),
    Column("request_id", Text),
    Column("answer_headers", JSONB),
    # The beginning of what was answered, as it came.
    Column("answer_body", LargeBinary),
    **by_range("delivery_attempt"),
)
Index(
    "ix_delivery_attempt_tenant",
    delivery_attempt.c.tenant_id,
    delivery_attempt.c.delivery_id,
    delivery_attempt.c.n,
    postgresql_where=text("tenant_id IS NOT NULL"),
)
Index(
    "ix_delivery_attempt_endpoint",
    delivery_attempt.c.endpoint_id,
    delivery_attempt.c.delivery_id,
    delivery_attempt.c.n,
    postgresql_where=text("endpoint_id IS NOT NULL"),
)
