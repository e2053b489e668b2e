"""Who is told: registered endpoints, their secrets, the lanes of receivers, recoveries."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from schemas.tables.metadata import HOT, metadata

_NOW = text("now()")

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    Column("id", UUID(), primary_key=True),
    Column("tenant_id", BigInteger, ForeignKey("tenant.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("origin", Text, nullable=False),
    # Exact types, and "job.*".
    Column("event_types", ARRAY(Text), nullable=False),
    # Null: whatever the event's channels are.
    Column("channels", ARRAY(Text)),
    # Names and values that the job's metadata must have.
    Column("filter", JSONB),
    # These three as schemas.webhooks numbers them.
    Column("payload", SmallInteger, nullable=False, server_default=text("0")),
    Column("ordering", SmallInteger, nullable=False, server_default=text("1")),
    Column("signatures", SmallInteger, nullable=False, server_default=text("1")),
    Column("max_in_flight", SmallInteger, nullable=False, server_default=text("4")),
    # Requests a second; null: no such limit.
    Column("throttle_rate", Double),
    Column("timeout_s", Double, nullable=False, server_default=text("15")),
    # Seconds between attempts; null: the standard schedule.
    Column("retry_schedule", ARRAY(Integer)),
    # Sealed JSON (infra.sealing).
    Column("headers", LargeBinary),
    Column("auth", LargeBinary),
    Column("auth_kind", Text, nullable=False, server_default=text("'none'")),
    Column("metadata", JSONB, key="labels"),
    Column("disabled_at", DateTime(timezone=True)),
    Column("disabled_reason", Text),
    # Rises with every change that a sender must hear of, secrets included.
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    # Rises to make every portal link void.
    Column("portal_epoch", Integer, nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)
Index("ix_webhook_endpoint_tenant_id_id", webhook_endpoint.c.tenant_id, webhook_endpoint.c.id)

# Keys that sign, newest first; older ones until they expire. Without an endpoint they are the
# tenant's, beside tenant.webhook_secret, for URLs that come with jobs.
webhook_secret = Table(
    "webhook_secret",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=text("uuidv7()")),
    Column("tenant_id", BigInteger, nullable=False),
    Column("endpoint_id", UUID()),
    # As schemas.webhooks.SecretKind: 1 HMAC-SHA256, 2 Ed25519.
    Column("kind", SmallInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("hint", Text, nullable=False),
    # Ed25519: 32 bytes.
    Column("public_key", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("expires_at", DateTime(timezone=True)),
)
Index(
    "ix_webhook_secret_tenant_id_endpoint_id",
    webhook_secret.c.tenant_id,
    webhook_secret.c.endpoint_id,
)

# What one receiver is owed goes through one lane, which one delivery process owns at a time.
# A lane is written when it wakes, when its owner changes, and when its receiver begins or ends
# to fail; never per delivery.
webhook_lane = Table(
    "webhook_lane",
    metadata,
    # delivery.lane_id.
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant_id", BigInteger, nullable=False),
    Column("endpoint_id", UUID()),
    Column("origin", Text, nullable=False),
    # When to look at it; null: nothing is owed.
    Column("next_due_at", DateTime(timezone=True)),
    # Nothing is sent before: an open breaker, or a receiver that asked to wait.
    Column("blocked_until", DateTime(timezone=True)),
    Column("owner", BigInteger),
    Column("lease_until", DateTime(timezone=True)),
    # Rises with every change of owner; every write of an owner names it.
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    # 0 closed, 1 open, 2 slow start.
    Column("breaker", SmallInteger, nullable=False, server_default=text("0")),
    # Since the last success.
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", DateTime(timezone=True)),
    Column("last_failure_at", DateTime(timezone=True)),
    Column("last_success_at", DateTime(timezone=True)),
    # Probes of the open breaker that failed.
    Column("probes", Integer, nullable=False, server_default=text("0")),
    # The most in flight, while that is less than the endpoint's own limit.
    Column("in_flight", SmallInteger),
    # Where the throttle stands (GCRA's theoretical arrival time).
    Column("throttled_until", DateTime(timezone=True)),
    # Attempts, to within what an owner that was killed had not told yet.
    Column("delivered", BigInteger, nullable=False, server_default=text("0")),
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
    **HOT,
)
# Lanes that nobody owns, the longest due first; and the same by tenant, and by whether the
# receiver took something last, was never tried, or fails. An owned lane is in neither, however
# long it was due: who looks for lanes does not walk over it.
Index(
    "ix_webhook_lane_next_due_at",
    webhook_lane.c.next_due_at,
    postgresql_where=text("next_due_at IS NOT NULL AND owner IS NULL"),
)
Index(
    "ix_webhook_lane_tenant_id_trust_next_due_at",
    webhook_lane.c.tenant_id,
    text("(CASE WHEN failures > 0 THEN 2 WHEN last_success_at IS NULL THEN 1 ELSE 0 END)"),
    webhook_lane.c.next_due_at,
    postgresql_where=text("next_due_at IS NOT NULL AND owner IS NULL"),
)
Index(
    "ix_webhook_lane_owner",
    webhook_lane.c.owner,
    postgresql_where=text("owner IS NOT NULL"),
)
Index(
    "ix_webhook_lane_tenant_id_endpoint_id",
    webhook_lane.c.tenant_id,
    webhook_lane.c.endpoint_id,
)

webhook_recovery = Table(
    "webhook_recovery",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=text("uuidv7()")),
    Column("tenant_id", BigInteger, nullable=False),
    Column("endpoint_id", UUID(), nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    # "failed", "missing" or "all".
    Column("only_", Text, nullable=False),
    # So many at most; null: all.
    Column("sample", Integer),
    # The last event that was looked at.
    Column("cursor", UUID()),
    Column("looked", BigInteger, nullable=False, server_default=text("0")),
    Column("queued", BigInteger, nullable=False, server_default=text("0")),
    Column("lease_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("finished_at", DateTime(timezone=True)),
    # Somebody asked to stop it.
    Column("stopped_at", DateTime(timezone=True)),
    Column("error", Text),
)
Index(
    "ix_webhook_recovery_tenant_id_endpoint_id",
    webhook_recovery.c.tenant_id,
    webhook_recovery.c.endpoint_id,
)
Index(
    "ix_webhook_recovery_created_at",
    webhook_recovery.c.created_at,
    postgresql_where=text("finished_at IS NULL"),
)
