"""Safety: verdicts, policies, reviews, appeals, reports, block lists. Only adds."""

from typing import Final

from alembic import op
from sqlalchemy import text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS: Final = (
    # Lanes are looked for by how far they can be trusted; the release before finds them by
    # the index on the time alone.
    """
    CREATE INDEX IF NOT EXISTS ix_webhook_lane_tenant_id_trust_next_due_at
      ON webhook_lane (tenant_id,
        (CASE WHEN failures > 0 THEN 2 WHEN last_success_at IS NULL THEN 1 ELSE 0 END),
        next_due_at)
      WHERE next_due_at IS NOT NULL AND owner IS NULL
    """,
    "DROP INDEX IF EXISTS ix_webhook_lane_tenant_id_next_due_at",
    """
    ALTER TABLE job
      ADD COLUMN IF NOT EXISTS verdict JSONB,
      ADD COLUMN IF NOT EXISTS erased_at timestamptz
    """,
    "ALTER TABLE attempt ADD COLUMN IF NOT EXISTS checks JSONB",
    "ALTER TABLE live ADD COLUMN IF NOT EXISTS hold SMALLINT",
    """
    CREATE TABLE IF NOT EXISTS safety_policy (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      version INTEGER NOT NULL,
      document JSONB NOT NULL,
      digest BYTEA NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      created_by TEXT NOT NULL,
      approved_by TEXT,
      activated_at timestamptz,
      activated_by TEXT,
      retired_at timestamptz,
      CONSTRAINT pk_safety_policy PRIMARY KEY (id),
      CONSTRAINT uq_safety_policy_tenant_id_version UNIQUE (tenant_id, version)
    )
    """,
    """
    CREATE UNIQUE INDEX IF NOT EXISTS uq_safety_policy_active
      ON safety_policy (tenant_id)
      WHERE activated_at IS NOT NULL AND retired_at IS NULL
    """,
    """
    CREATE TABLE IF NOT EXISTS safety_evidence (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      job_id UUID NOT NULL,
      stage TEXT NOT NULL,
      subject BYTEA,
      digest BYTEA NOT NULL,
      body BYTEA NOT NULL,
      verdict JSONB NOT NULL,
      at timestamptz DEFAULT now() NOT NULL,
      expires_at timestamptz NOT NULL,
      held BOOLEAN DEFAULT false NOT NULL,
      CONSTRAINT pk_safety_evidence PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_safety_evidence_expires_at
      ON safety_evidence (expires_at)
    """,
    "CREATE INDEX IF NOT EXISTS ix_safety_evidence_job_id ON safety_evidence (job_id)",
    """
    CREATE INDEX IF NOT EXISTS ix_safety_evidence_tenant_id_subject
      ON safety_evidence (tenant_id, subject)
    """,
    """
    CREATE TABLE IF NOT EXISTS review_item (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      job_id UUID NOT NULL,
      origin TEXT NOT NULL,
      stage TEXT NOT NULL,
      category TEXT NOT NULL,
      state SMALLINT DEFAULT 0 NOT NULL,
      holds BOOLEAN DEFAULT false NOT NULL,
      needs SMALLINT DEFAULT 1 NOT NULL,
      escalated BOOLEAN DEFAULT false NOT NULL,
      verdict JSONB NOT NULL,
      pending BYTEA,
      claimed_by TEXT,
      claimed_until timestamptz,
      barred JSONB DEFAULT '[]' NOT NULL,
      due_at timestamptz,
      on_timeout SMALLINT,
      outcome SMALLINT,
      created_at timestamptz DEFAULT now() NOT NULL,
      decided_at timestamptz,
      revision INTEGER DEFAULT 1 NOT NULL,
      CONSTRAINT pk_review_item PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_review_item_due
      ON review_item (due_at) WHERE state = 0 AND due_at IS NOT NULL
    """,
    "CREATE INDEX IF NOT EXISTS ix_review_item_job_id ON review_item (job_id)",
    """
    CREATE INDEX IF NOT EXISTS ix_review_item_pending
      ON review_item (id) WHERE state <> 0 AND pending IS NOT NULL
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_review_item_open
      ON review_item (created_at, id) WHERE state = 0
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_review_item_tenant_id_id
      ON review_item (tenant_id, id)
    """,
    """
    CREATE TABLE IF NOT EXISTS review_decision (
      item_id UUID NOT NULL,
      reviewer TEXT NOT NULL,
      decision TEXT NOT NULL,
      reason TEXT NOT NULL,
      note TEXT,
      at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_review_decision PRIMARY KEY (item_id, reviewer)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS appeal (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      job_id UUID NOT NULL,
      item_id UUID NOT NULL,
      body BYTEA,
      state SMALLINT DEFAULT 0 NOT NULL,
      requeued_as UUID,
      created_at timestamptz DEFAULT now() NOT NULL,
      decided_at timestamptz,
      CONSTRAINT pk_appeal PRIMARY KEY (id),
      CONSTRAINT uq_appeal_job_id UNIQUE (job_id)
    )
    """,
    "CREATE INDEX IF NOT EXISTS ix_appeal_tenant_id_id ON appeal (tenant_id, id)",
    """
    CREATE TABLE IF NOT EXISTS job_report (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      job_id UUID NOT NULL,
      category TEXT NOT NULL,
      reporter BYTEA,
      note BYTEA,
      item_id UUID,
      created_at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_job_report PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX IF NOT EXISTS ix_job_report_job_id ON job_report (job_id)",
    """
    CREATE INDEX IF NOT EXISTS ix_job_report_tenant_id_id
      ON job_report (tenant_id, id)
    """,
    """
    CREATE TABLE IF NOT EXISTS hash_list (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      name TEXT NOT NULL,
      category TEXT NOT NULL,
      action SMALLINT NOT NULL,
      revision BIGINT DEFAULT 1 NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_hash_list PRIMARY KEY (id),
      CONSTRAINT uq_hash_list_tenant_id_name UNIQUE (tenant_id, name)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS hash_entry (
      list_id UUID NOT NULL,
      algorithm TEXT NOT NULL,
      hash BYTEA NOT NULL,
      note TEXT,
      created_at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_hash_entry PRIMARY KEY (list_id, algorithm, hash)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS safety_strike (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      subject BYTEA NOT NULL,
      kind TEXT NOT NULL,
      weight SMALLINT NOT NULL,
      vector BYTEA,
      at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_safety_strike PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX IF NOT EXISTS ix_safety_strike_at ON safety_strike (at)",
    """
    CREATE INDEX IF NOT EXISTS ix_safety_strike_subject
      ON safety_strike (tenant_id, subject, at)
    """,
)

_OF_LEDGER: Final = (("job", "ix_job_verdict", "(tenant_id, id) WHERE verdict IS NOT NULL"),)

_PARTITIONS: Final = text("""
SELECT c.relname, EXISTS (
  SELECT 1 FROM pg_inherits a JOIN pg_index x ON x.indexrelid = a.inhrelid
  WHERE a.inhparent = CAST(:index AS regclass) AND x.indrelid = c.oid) AS attached
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = CAST(:table AS regclass) ORDER BY c.relname
""")


def upgrade() -> None:
    """Add columns, tables and indexes; see 0003 for why each statement stands alone."""
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
