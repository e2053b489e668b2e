"""What generation needs: routes, lineage, the cache, usage. Only adds."""

from typing import Final

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATEMENTS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE IF NOT EXISTS route_version (
      model TEXT NOT NULL,
      version INTEGER NOT NULL,
      document JSONB NOT NULL,
      replaces INTEGER NOT NULL,
      note TEXT,
      created_at timestamptz DEFAULT now() NOT NULL,
      created_by TEXT NOT NULL,
      CONSTRAINT pk_route_version PRIMARY KEY (model, version)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS route (
      model TEXT NOT NULL,
      version INTEGER NOT NULL,
      changes INTEGER NOT NULL,
      changed_at timestamptz DEFAULT now() NOT NULL,
      changed_by TEXT NOT NULL,
      CONSTRAINT pk_route PRIMARY KEY (model)
    )
    """,
    """
    ALTER TABLE tenant
      ADD COLUMN IF NOT EXISTS required_tags TEXT[]
    """,
    """
    CREATE TABLE IF NOT EXISTS lineage (
      job_id UUID NOT NULL,
      tenant_id BIGINT NOT NULL,
      root_id UUID NOT NULL,
      parent_ids UUID[] NOT NULL,
      action TEXT NOT NULL,
      detail JSONB,
      CONSTRAINT pk_lineage PRIMARY KEY (job_id)
    ) PARTITION BY RANGE (job_id)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_lineage_tree
      ON lineage (tenant_id, root_id, job_id)
    """,
    """
    CREATE TABLE IF NOT EXISTS usage_entry (
      tenant_id BIGINT NOT NULL,
      at timestamptz NOT NULL,
      kind SMALLINT NOT NULL,
      lane SMALLINT NOT NULL,
      cached BOOLEAN NOT NULL,
      asked TEXT NOT NULL,
      model TEXT DEFAULT '' NOT NULL,
      server TEXT DEFAULT '' NOT NULL,
      end_user TEXT DEFAULT '' NOT NULL,
      batch_id UUID DEFAULT '00000000-0000-0000-0000-000000000000' NOT NULL,
      jobs BIGINT DEFAULT 0 NOT NULL,
      succeeded BIGINT DEFAULT 0 NOT NULL,
      images BIGINT DEFAULT 0 NOT NULL,
      pixels BIGINT DEFAULT 0 NOT NULL,
      input_tokens BIGINT DEFAULT 0 NOT NULL,
      cached_tokens BIGINT DEFAULT 0 NOT NULL,
      output_tokens BIGINT DEFAULT 0 NOT NULL,
      reasoning_tokens BIGINT DEFAULT 0 NOT NULL,
      money BIGINT DEFAULT 0 NOT NULL,
      worth BIGINT DEFAULT 0 NOT NULL,
      milliseconds BIGINT DEFAULT 0 NOT NULL
    ) WITH (autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_cost_delay = 0)
    """,
    """
    CREATE TABLE IF NOT EXISTS usage_hour (
      tenant_id BIGINT NOT NULL,
      at timestamptz NOT NULL,
      kind SMALLINT NOT NULL,
      lane SMALLINT NOT NULL,
      cached BOOLEAN NOT NULL,
      asked TEXT NOT NULL,
      model TEXT NOT NULL,
      server TEXT NOT NULL,
      end_user TEXT NOT NULL,
      batch_id UUID NOT NULL,
      jobs BIGINT DEFAULT 0 NOT NULL,
      succeeded BIGINT DEFAULT 0 NOT NULL,
      images BIGINT DEFAULT 0 NOT NULL,
      pixels BIGINT DEFAULT 0 NOT NULL,
      input_tokens BIGINT DEFAULT 0 NOT NULL,
      cached_tokens BIGINT DEFAULT 0 NOT NULL,
      output_tokens BIGINT DEFAULT 0 NOT NULL,
      reasoning_tokens BIGINT DEFAULT 0 NOT NULL,
      money BIGINT DEFAULT 0 NOT NULL,
      worth BIGINT DEFAULT 0 NOT NULL,
      milliseconds BIGINT DEFAULT 0 NOT NULL,
      CONSTRAINT pk_usage_hour PRIMARY KEY
        (tenant_id, at, kind, lane, cached, asked, model, server, end_user, batch_id)
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_cost_delay = 0)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_usage_hour_at ON usage_hour (at)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_usage_hour_end_user
      ON usage_hour (tenant_id, end_user) WHERE end_user <> ''
    """,
    """
    ALTER TABLE tenant
      ADD COLUMN IF NOT EXISTS cache BOOLEAN DEFAULT true NOT NULL
    """,
    """
    CREATE TABLE IF NOT EXISTS cache_entry (
      tenant_id BIGINT NOT NULL,
      key BYTEA NOT NULL,
      job_id UUID NOT NULL,
      bytes BIGINT NOT NULL,
      hits BIGINT DEFAULT 0 NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      used_at timestamptz DEFAULT now() NOT NULL,
      expires_at timestamptz NOT NULL,
      CONSTRAINT pk_cache_entry PRIMARY KEY (tenant_id, key)
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_cost_delay = 0)
    """,
    "CREATE INDEX IF NOT EXISTS ix_cache_entry_used_at ON cache_entry (used_at)",
    "CREATE INDEX IF NOT EXISTS ix_cache_entry_expires_at ON cache_entry (expires_at)",
    "CREATE INDEX IF NOT EXISTS ix_cache_entry_job_id ON cache_entry (job_id)",
    """
    CREATE TABLE IF NOT EXISTS flight (
      tenant_id BIGINT NOT NULL,
      key BYTEA NOT NULL,
      job_id UUID NOT NULL,
      fence INTEGER NOT NULL,
      lane SMALLINT NOT NULL,
      calling BOOLEAN DEFAULT false NOT NULL,
      waited BOOLEAN DEFAULT false NOT NULL,
      until timestamptz NOT NULL,
      CONSTRAINT pk_flight PRIMARY KEY (tenant_id, key)
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_cost_delay = 0)
    """,
    """
    CREATE TABLE IF NOT EXISTS flight_waiter (
      job_id UUID NOT NULL,
      fence INTEGER NOT NULL,
      tenant_id BIGINT NOT NULL,
      key BYTEA NOT NULL,
      CONSTRAINT pk_flight_waiter PRIMARY KEY (job_id)
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_cost_delay = 0)
    """,
    "CREATE INDEX IF NOT EXISTS ix_flight_waiter_key ON flight_waiter (tenant_id, key)",
)


def upgrade() -> None:
    """Add tables and indexes."""
    for statement in _STATEMENTS:
        op.execute(statement)
