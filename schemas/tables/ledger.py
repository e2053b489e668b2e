"""The ledger: what is written at submit, once per attempt and once at the end, and kept."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from schemas.tables.metadata import Xid8, by_range, metadata

_NOW = text("now()")

job = Table(
    "job",
    metadata,
    Column("id", UUID(), primary_key=True),
    Column("tenant_id", BigInteger, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("pool", SmallInteger, nullable=False, server_default=text("0")),
    Column("priority", SmallInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("batch_id", UUID()),
    Column("end_user", Text),
    Column("metadata", JSONB, key="labels"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("deadline", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("final_state", SmallInteger),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("error", JSONB),
    Column("releases", Integer),
    # The dead job that this one tries again, or the one that tries this dead job again.
    Column("redrive_of", UUID()),
    Column("redriven_by", UUID()),
    Column("schedule_id", UUID()),
    # Words of the tenant's own, to find jobs by.
    Column("tags", ARRAY(Text)),
    # What it was charged, in millionths of a dollar; null where no price is configured.
    Column("spent", BigInteger),
    # What safety decided, if that was more than to let it pass; without any of its text.
    Column("verdict", JSONB),
    # Its content is gone: retention or erasure took it.
    Column("erased_at", DateTime(timezone=True)),
    **by_range("job"),
)
# For the filters of lists. Rows without tags and metadata, as most are, cost nothing here.
Index(
    "ix_job_tags",
    job.c.tags,
    postgresql_using="gin",
    postgresql_where=text("tags IS NOT NULL"),
)
Index(
    "ix_job_metadata",
    job.c.labels,
    postgresql_using="gin",
    postgresql_ops={"labels": "jsonb_path_ops"},
    postgresql_where=text("metadata IS NOT NULL"),
)
# Dead letters wait here until somebody redrives them.
Index(
    "ix_job_dead",
    job.c.tenant_id,
    job.c.id,
    postgresql_where=text("final_state = 12 AND redriven_by IS NULL"),
)
Index(
    "ix_job_batch_id_id",
    job.c.batch_id,
    job.c.id,
    postgresql_where=text("batch_id IS NOT NULL"),
)
# What safety flagged or stopped.
Index(
    "ix_job_verdict",
    job.c.tenant_id,
    job.c.id,
    postgresql_where=text("verdict IS NOT NULL"),
)
# Every listing is of one tenant, newest first.
Index("ix_job_tenant_id_id", job.c.tenant_id, job.c.id)

payload = Table(
    "payload",
    metadata,
    Column("job_id", UUID(), primary_key=True),
    Column("body", JSONB, nullable=False),
    **by_range("payload"),
)

result = Table(
    "result",
    metadata,
    Column("job_id", UUID(), primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("body", JSONB),
    Column("artifacts", JSONB),
    **by_range("result"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("job_id", UUID(), primary_key=True),
    Column("fence", Integer, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("session_id", BigInteger),
    Column("started_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("detail", JSONB),
    # What safety found at each stage: scores and rules, without any of the text.
    Column("checks", JSONB),
    **by_range("attempt"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("job_id", UUID(), primary_key=True),
    Column("id", UUID(), primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    # The event exactly as it is signed and sent, by every delivery and replay.
    Column("body", LargeBinary, nullable=False),
    # The order of the tenant's feed is that of commits: a reader may go as far as the oldest
    # transaction that is still open. Null in rows of releases before.
    Column("tenant_id", BigInteger),
    Column("tx", Xid8, server_default=text("pg_current_xact_id()")),
    # The event without outputs, where it differs: what endpoints are sent by default.
    Column("thin", LargeBinary),
    # Words of the job's sender, by which endpoints choose.
    Column("channels", ARRAY(Text)),
    **by_range("outbox"),
)
Index(
    "ix_outbox_feed",
    outbox.c.tenant_id,
    outbox.c.tx,
    outbox.c.id,
    postgresql_where=text("tenant_id IS NOT NULL"),
)
# An event by its id, and a walk over a stretch of time.
Index(
    "ix_outbox_event",
    outbox.c.tenant_id,
    outbox.c.id,
    postgresql_where=text("tenant_id IS NOT NULL"),
)
# Belt and braces: one terminal event per job.
Index("uq_outbox_terminal", outbox.c.job_id, unique=True, postgresql_where=text("kind = 1"))

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("job_id", UUID(), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    # Of calls that are not about one job: what they were answered.
    Column("answer", JSONB),
)
Index("ix_idempotency_expires_at", idempotency.c.expires_at)

# One unfinished (or recent) job per key of a tenant; the key holds its scope.
unique_job = Table(
    "unique_job",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("job_id", UUID(), nullable=False),
    # Null: as long as the job is not finished.
    Column("expires_at", DateTime(timezone=True)),
)
Index(
    "ix_unique_job_expires_at",
    unique_job.c.expires_at,
    postgresql_where=text("expires_at IS NOT NULL"),
)
Index("ix_unique_job_job_id", unique_job.c.job_id)
