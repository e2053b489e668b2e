"""Webhooks: endpoints, their secrets and lanes, the log of attempts, recoveries. Only adds."""

from typing import Final

from alembic import op
from sqlalchemy import text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS: Final = (
    "ALTER TABLE tenant ADD COLUMN IF NOT EXISTS hears SMALLINT DEFAULT 0 NOT NULL",
    """
    ALTER TABLE outbox
      ADD COLUMN IF NOT EXISTS thin BYTEA,
      ADD COLUMN IF NOT EXISTS channels TEXT[]
    """,
    # The generated column rewrites the table, which holds what is owed at the moment: the
    # releases before fill it by inserting as they always did.
    """
    ALTER TABLE delivery
      ADD COLUMN IF NOT EXISTS endpoint_id UUID,
      ADD COLUMN IF NOT EXISTS kind SMALLINT DEFAULT 1 NOT NULL,
      ADD COLUMN IF NOT EXISTS seq BIGINT DEFAULT 0 NOT NULL,
      ADD COLUMN IF NOT EXISTS rank SMALLINT DEFAULT 0 NOT NULL,
      ADD COLUMN IF NOT EXISTS trigger SMALLINT DEFAULT 0 NOT NULL
    """,
    # Tenants choose origins: of a quicker hash they would find one that leads to the lane of
    # somebody else. Backslashes are doubled because "escape" reads them.
    """
    ALTER TABLE delivery ADD COLUMN IF NOT EXISTS lane_id BIGINT GENERATED ALWAYS AS
      (CAST(CAST('x' || encode(substr(sha256(decode(replace(COALESCE(
        CAST(endpoint_id AS text), CAST(tenant_id AS text) || ' ' || origin),
        chr(92), repeat(chr(92), 2)), 'escape')), 1, 8), 'hex') AS bit(64)) AS bigint)) STORED
    """,
    "CREATE INDEX IF NOT EXISTS ix_delivery_due ON delivery (lane_id, rank, next_at)",
    "CREATE INDEX IF NOT EXISTS ix_delivery_job_id ON delivery (job_id)",
    "CREATE INDEX IF NOT EXISTS ix_delivery_tenant_id_id ON delivery (tenant_id, id)",
    """
    CREATE TABLE IF NOT EXISTS webhook_endpoint (
      id UUID NOT NULL,
      tenant_id BIGINT NOT NULL,
      name TEXT NOT NULL,
      url TEXT NOT NULL,
      origin TEXT NOT NULL,
      event_types TEXT[] NOT NULL,
      channels TEXT[],
      filter JSONB,
      payload SMALLINT DEFAULT 0 NOT NULL,
      ordering SMALLINT DEFAULT 1 NOT NULL,
      signatures SMALLINT DEFAULT 1 NOT NULL,
      max_in_flight SMALLINT DEFAULT 4 NOT NULL,
      throttle_rate DOUBLE PRECISION,
      timeout_s DOUBLE PRECISION DEFAULT 15 NOT NULL,
      retry_schedule INTEGER[],
      headers BYTEA,
      auth BYTEA,
      auth_kind TEXT DEFAULT 'none' NOT NULL,
      metadata JSONB,
      disabled_at timestamptz,
      disabled_reason TEXT,
      revision BIGINT DEFAULT 1 NOT NULL,
      portal_epoch INTEGER DEFAULT 0 NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      updated_at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_webhook_endpoint PRIMARY KEY (id),
      CONSTRAINT fk_webhook_endpoint_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_webhook_endpoint_tenant_id_id
      ON webhook_endpoint (tenant_id, id)
    """,
    """
    CREATE TABLE IF NOT EXISTS webhook_secret (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      endpoint_id UUID,
      kind SMALLINT NOT NULL,
      sealed BYTEA NOT NULL,
      hint TEXT NOT NULL,
      public_key BYTEA,
      created_at timestamptz DEFAULT now() NOT NULL,
      expires_at timestamptz,
      CONSTRAINT pk_webhook_secret PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_webhook_secret_tenant_id_endpoint_id
      ON webhook_secret (tenant_id, endpoint_id)
    """,
    """
    CREATE TABLE IF NOT EXISTS webhook_lane (
      id BIGINT NOT NULL,
      tenant_id BIGINT NOT NULL,
      endpoint_id UUID,
      origin TEXT NOT NULL,
      next_due_at timestamptz,
      blocked_until timestamptz,
      owner BIGINT,
      lease_until timestamptz,
      fence BIGINT DEFAULT 0 NOT NULL,
      breaker SMALLINT DEFAULT 0 NOT NULL,
      failures INTEGER DEFAULT 0 NOT NULL,
      failing_since timestamptz,
      last_failure_at timestamptz,
      last_success_at timestamptz,
      probes INTEGER DEFAULT 0 NOT NULL,
      in_flight SMALLINT,
      throttled_until timestamptz,
      delivered BIGINT DEFAULT 0 NOT NULL,
      failed BIGINT DEFAULT 0 NOT NULL,
      CONSTRAINT pk_webhook_lane PRIMARY KEY (id)
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_cost_delay = 0)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_webhook_lane_next_due_at ON webhook_lane (next_due_at)
      WHERE next_due_at IS NOT NULL AND owner IS NULL
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_webhook_lane_tenant_id_next_due_at
      ON webhook_lane (tenant_id, next_due_at)
      WHERE next_due_at IS NOT NULL AND owner IS NULL
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_webhook_lane_owner ON webhook_lane (owner)
      WHERE owner IS NOT NULL
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_webhook_lane_tenant_id_endpoint_id
      ON webhook_lane (tenant_id, endpoint_id)
    """,
    """
    ALTER TABLE delivery_attempt
      ADD COLUMN IF NOT EXISTS id UUID,
      ADD COLUMN IF NOT EXISTS tenant_id BIGINT,
      ADD COLUMN IF NOT EXISTS endpoint_id UUID,
      ADD COLUMN IF NOT EXISTS job_id UUID,
      ADD COLUMN IF NOT EXISTS type TEXT,
      ADD COLUMN IF NOT EXISTS url TEXT,
      ADD COLUMN IF NOT EXISTS trigger SMALLINT,
      ADD COLUMN IF NOT EXISTS started_at timestamptz,
      ADD COLUMN IF NOT EXISTS ended SMALLINT,
      ADD COLUMN IF NOT EXISTS address TEXT,
      ADD COLUMN IF NOT EXISTS dns_ms INTEGER,
      ADD COLUMN IF NOT EXISTS connect_ms INTEGER,
      ADD COLUMN IF NOT EXISTS tls_ms INTEGER,
      ADD COLUMN IF NOT EXISTS first_byte_ms INTEGER,
      ADD COLUMN IF NOT EXISTS request_id TEXT,
      ADD COLUMN IF NOT EXISTS answer_headers JSONB,
      ADD COLUMN IF NOT EXISTS answer_body BYTEA
    """,
    """
    CREATE TABLE IF NOT EXISTS webhook_recovery (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      endpoint_id UUID NOT NULL,
      since timestamptz NOT NULL,
      until timestamptz NOT NULL,
      only_ TEXT NOT NULL,
      sample INTEGER,
      cursor UUID,
      looked BIGINT DEFAULT 0 NOT NULL,
      queued BIGINT DEFAULT 0 NOT NULL,
      lease_until timestamptz,
      created_at timestamptz DEFAULT now() NOT NULL,
      finished_at timestamptz,
      stopped_at timestamptz,
      error TEXT,
      CONSTRAINT pk_webhook_recovery PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_webhook_recovery_tenant_id_endpoint_id
      ON webhook_recovery (tenant_id, endpoint_id)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_webhook_recovery_created_at ON webhook_recovery (created_at)
      WHERE finished_at IS NULL
    """,
)

_OF_LEDGER: Final = (
    (
        "delivery_attempt",
        "ix_delivery_attempt_tenant",
        "(tenant_id, delivery_id, n) WHERE tenant_id IS NOT NULL",
    ),
    (
        "delivery_attempt",
        "ix_delivery_attempt_endpoint",
        "(endpoint_id, delivery_id, n) WHERE endpoint_id IS NOT NULL",
    ),
    ("outbox", "ix_outbox_event", "(tenant_id, id) WHERE tenant_id IS NOT NULL"),
)

_PARTITIONS: Final = text("""
SELECT c.relname, EXISTS (
  SELECT 1 FROM pg_inherits a JOIN pg_index x ON x.indexrelid = a.inhrelid
  WHERE a.inhparent = CAST(:index AS regclass) AND x.indrelid = c.oid) AS attached
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = CAST(:table AS regclass) ORDER BY c.relname
""")


def upgrade() -> None:
    """Add columns, tables and indexes; see 0003 for why each statement stands alone.

    The only table that is rewritten holds what is owed to receivers right now.
    """
    with op.get_context().autocommit_block():
        for statement in _STATEMENTS:
            op.execute(statement)
        for table, name, what in _OF_LEDGER:
            _build(table, name, what)


def _build(table: str, name: str, what: str) -> None:
    """Index a partitioned table while its rows are written: parent first, then each part."""
    op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {what}")
    parts = {"table": table, "index": name}
    for partition, attached in op.get_bind().execute(_PARTITIONS, parts).all():
        if attached:
            continue
        part = f"{name}_{partition}"
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {part}")
        op.execute(f"CREATE INDEX CONCURRENTLY {part} ON {partition} {what}")
        op.execute(f"ALTER INDEX {name} ATTACH PARTITION {part}")
