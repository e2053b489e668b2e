"""Provenance and data duties: the registry, keys of tenants and people, holds. Only adds."""

from typing import Final

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS: Final = (
    """
    CREATE TABLE IF NOT EXISTS provenance_record (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      job_id UUID NOT NULL,
      fence INTEGER NOT NULL,
      index INTEGER NOT NULL,
      media_type TEXT NOT NULL,
      sha256 BYTEA NOT NULL,
      dhash BYTEA,
      phash BYTEA,
      simhash BYTEA,
      bands INTEGER[],
      manifest_id TEXT,
      system TEXT NOT NULL,
      made_at timestamptz NOT NULL,
      CONSTRAINT pk_provenance_record PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_provenance_record_bands
      ON provenance_record USING gin (bands)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_provenance_record_job_id
      ON provenance_record (job_id)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_provenance_record_sha256
      ON provenance_record (sha256)
    """,
    """
    CREATE TABLE IF NOT EXISTS tenant_key (
      tenant_id BIGINT NOT NULL,
      number INTEGER NOT NULL,
      wrapped BYTEA NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      retired_at timestamptz,
      CONSTRAINT pk_tenant_key PRIMARY KEY (tenant_id, number)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS subject_key (
      tenant_id BIGINT NOT NULL,
      subject BYTEA NOT NULL,
      salt BYTEA,
      created_at timestamptz DEFAULT now() NOT NULL,
      erased_at timestamptz,
      CONSTRAINT pk_subject_key PRIMARY KEY (tenant_id, subject)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_subject_key_erased_at
      ON subject_key (erased_at) WHERE erased_at IS NOT NULL
    """,
    """
    CREATE TABLE IF NOT EXISTS legal_hold (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      subject BYTEA,
      job_id UUID,
      reason TEXT NOT NULL,
      placed_by TEXT NOT NULL,
      placed_at timestamptz DEFAULT now() NOT NULL,
      released_by TEXT,
      released_at timestamptz,
      CONSTRAINT pk_legal_hold PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_legal_hold_tenant_id
      ON legal_hold (tenant_id) WHERE released_at IS NULL
    """,
    """
    CREATE TABLE IF NOT EXISTS retention_rule (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      lane SMALLINT DEFAULT 0 NOT NULL,
      kind SMALLINT DEFAULT 0 NOT NULL,
      prompt_hours INTEGER NOT NULL,
      result_hours INTEGER NOT NULL,
      updated_at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_retention_rule PRIMARY KEY (id),
      CONSTRAINT uq_retention_rule_tenant_id_lane_kind UNIQUE (tenant_id, lane, kind)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS erasure (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      subject BYTEA NOT NULL,
      state SMALLINT DEFAULT 0 NOT NULL,
      after UUID,
      counts JSONB DEFAULT '{}' NOT NULL,
      asked_by TEXT NOT NULL,
      asked_at timestamptz DEFAULT now() NOT NULL,
      done_at timestamptz,
      CONSTRAINT pk_erasure PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX IF NOT EXISTS ix_erasure_tenant_id_id ON erasure (tenant_id, id)",
    "CREATE INDEX IF NOT EXISTS ix_erasure_waiting ON erasure (id) WHERE state = 0",
    *(
        f"""
    CREATE OR REPLACE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON {table}
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()
    """
        for table in ("audit_log", "audit_anchor")
    ),
)


def upgrade() -> None:
    """Add tables and indexes."""
    for statement in _STATEMENTS:
        op.execute(statement)
