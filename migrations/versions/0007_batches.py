"""Files, batches and their lines, held calls; and erasures that look into files. Only adds."""

from typing import Final

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATEMENTS: Final = (
    """
    CREATE TABLE IF NOT EXISTS file (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      purpose TEXT NOT NULL,
      filename TEXT NOT NULL,
      content_type TEXT NOT NULL,
      bytes BIGINT NOT NULL,
      sha256 BYTEA NOT NULL,
      object_key TEXT NOT NULL,
      batch_id UUID,
      job_id UUID,
      key BYTEA,
      created_at timestamptz DEFAULT now() NOT NULL,
      expires_at timestamptz,
      deleted_at timestamptz,
      CONSTRAINT pk_file PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_file_job_id
      ON file (job_id)
      WHERE job_id IS NOT NULL
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_file_leaving
      ON file (least(deleted_at, expires_at))
      WHERE LEAST(deleted_at, expires_at) IS NOT NULL
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_file_tenant_id_id
      ON file (tenant_id, id)
    """,
    """
    CREATE TABLE IF NOT EXISTS batch (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      endpoint TEXT NOT NULL,
      model TEXT,
      input_file_id UUID NOT NULL,
      retry_of UUID,
      lane SMALLINT NOT NULL,
      priority SMALLINT NOT NULL,
      webhook JSONB,
      max_parallel INTEGER,
      ordered_output BOOLEAN DEFAULT true NOT NULL,
      completion_window TEXT NOT NULL,
      output_expires_after INTEGER,
      metadata JSONB,
      status SMALLINT DEFAULT 0 NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      expires_at timestamptz NOT NULL,
      in_progress_at timestamptz,
      finalizing_at timestamptz,
      completed_at timestamptz,
      failed_at timestamptz,
      expired_at timestamptz,
      cancelling_at timestamptz,
      cancelled_at timestamptz,
      total INTEGER DEFAULT 0 NOT NULL,
      completed INTEGER DEFAULT 0 NOT NULL,
      failed INTEGER DEFAULT 0 NOT NULL,
      expired INTEGER DEFAULT 0 NOT NULL,
      cancelled INTEGER DEFAULT 0 NOT NULL,
      lines_read INTEGER DEFAULT 0 NOT NULL,
      bytes_read BIGINT DEFAULT 0 NOT NULL,
      errors JSONB,
      output_file_id UUID,
      error_file_id UUID,
      usage JSONB,
      fence INTEGER DEFAULT 0 NOT NULL,
      lease_until timestamptz,
      CONSTRAINT pk_batch PRIMARY KEY (id)
    ) WITH (
      fillfactor = 70,
      autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_cost_delay = 0
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_batch_input_file_id
      ON batch (input_file_id)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_batch_open
      ON batch (id)
      WHERE status < 10
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_batch_tenant_id_id
      ON batch (tenant_id, id)
    """,
    """
    CREATE TABLE IF NOT EXISTS batch_line (
      batch_id UUID NOT NULL,
      line INTEGER NOT NULL,
      custom_id TEXT NOT NULL,
      job_id UUID,
      answer JSONB,
      seq INTEGER,
      outcome SMALLINT,
      erased_by UUID,
      CONSTRAINT pk_batch_line PRIMARY KEY (batch_id, line)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_batch_line_erased
      ON batch_line (batch_id, line)
      WHERE erased_by IS NOT NULL
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_batch_line_failed
      ON batch_line (batch_id, seq)
      WHERE outcome > 1
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_batch_line_open
      ON batch_line (batch_id, line)
      WHERE seq IS NULL
    """,
    """
    CREATE UNIQUE INDEX IF NOT EXISTS ix_batch_line_seq
      ON batch_line (batch_id, seq)
      WHERE seq IS NOT NULL
    """,
    """
    CREATE TABLE IF NOT EXISTS held_call (
      tenant_id BIGINT NOT NULL,
      digest BYTEA NOT NULL,
      job_id UUID NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      held_until timestamptz,
      delivered_at timestamptz,
      CONSTRAINT pk_held_call PRIMARY KEY (tenant_id, digest, job_id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_held_call_created_at
      ON held_call (created_at)
    """,
    """
    ALTER TABLE erasure
      ADD COLUMN IF NOT EXISTS stage SMALLINT DEFAULT 0 NOT NULL,
      ADD COLUMN IF NOT EXISTS files UUID[] DEFAULT '{}' NOT NULL
    """,
    """
    ALTER TABLE review_decision
      ADD COLUMN IF NOT EXISTS sealed_note BYTEA
    """,
)


def upgrade() -> None:
    """Add tables and indexes."""
    for statement in _STATEMENTS:
        op.execute(statement)
