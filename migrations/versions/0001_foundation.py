"""Foundation: tenants, the ledger, the hot tables, what is owed to receivers."""

from typing import Final

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS: Final = (
    """
    CREATE TABLE tenant (
      id BIGINT GENERATED ALWAYS AS IDENTITY,
      name TEXT NOT NULL,
      weight INTEGER DEFAULT 1000 NOT NULL,
      max_inflight INTEGER NOT NULL,
      webhook_secret TEXT NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_tenant PRIMARY KEY (id),
      CONSTRAINT uq_tenant_name UNIQUE (name)
    )
    """,
    """
    CREATE TABLE api_key (
      id UUID DEFAULT uuidv7() NOT NULL,
      tenant_id BIGINT NOT NULL,
      name TEXT NOT NULL,
      prefix TEXT NOT NULL,
      digest BYTEA NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      revoked_at timestamptz,
      CONSTRAINT pk_api_key PRIMARY KEY (id),
      CONSTRAINT fk_api_key_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id),
      CONSTRAINT uq_api_key_digest UNIQUE (digest)
    )
    """,
    "CREATE INDEX ix_api_key_tenant_id ON api_key (tenant_id)",
    """
    CREATE TABLE job (
      id UUID NOT NULL,
      tenant_id BIGINT NOT NULL,
      lane SMALLINT NOT NULL,
      kind SMALLINT NOT NULL,
      pool SMALLINT DEFAULT 0 NOT NULL,
      priority SMALLINT NOT NULL,
      model TEXT NOT NULL,
      batch_id UUID,
      end_user TEXT,
      metadata JSONB,
      created_at timestamptz DEFAULT now() NOT NULL,
      deadline timestamptz,
      attempts INTEGER DEFAULT 0 NOT NULL,
      final_state SMALLINT,
      started_at timestamptz,
      finished_at timestamptz,
      error JSONB,
      CONSTRAINT pk_job PRIMARY KEY (id)
    ) PARTITION BY RANGE (id)
    """,
    "CREATE INDEX ix_job_tenant_id_id ON job (tenant_id, id)",
    """
    CREATE TABLE payload (
      job_id UUID NOT NULL,
      body JSONB NOT NULL,
      CONSTRAINT pk_payload PRIMARY KEY (job_id)
    ) PARTITION BY RANGE (job_id)
    """,
    """
    CREATE TABLE result (
      job_id UUID NOT NULL,
      fence INTEGER NOT NULL,
      body JSONB,
      artifacts JSONB,
      CONSTRAINT pk_result PRIMARY KEY (job_id)
    ) PARTITION BY RANGE (job_id)
    """,
    """
    CREATE TABLE attempt (
      job_id UUID NOT NULL,
      fence INTEGER NOT NULL,
      n INTEGER NOT NULL,
      outcome SMALLINT NOT NULL,
      session_id BIGINT,
      started_at timestamptz,
      ended_at timestamptz DEFAULT now() NOT NULL,
      detail JSONB,
      CONSTRAINT pk_attempt PRIMARY KEY (job_id, fence)
    ) PARTITION BY RANGE (job_id)
    """,
    """
    CREATE TABLE outbox (
      job_id UUID NOT NULL,
      id UUID NOT NULL,
      kind SMALLINT NOT NULL,
      type TEXT NOT NULL,
      at timestamptz DEFAULT now() NOT NULL,
      body BYTEA NOT NULL,
      CONSTRAINT pk_outbox PRIMARY KEY (job_id, id)
    ) PARTITION BY RANGE (job_id)
    """,
    "CREATE UNIQUE INDEX uq_outbox_terminal ON outbox (job_id) WHERE kind = 1",
    """
    CREATE TABLE idempotency (
      tenant_id BIGINT NOT NULL,
      key TEXT NOT NULL,
      request_hash BYTEA NOT NULL,
      job_id UUID NOT NULL,
      expires_at timestamptz NOT NULL,
      CONSTRAINT pk_idempotency PRIMARY KEY (tenant_id, key)
    )
    """,
    "CREATE INDEX ix_idempotency_expires_at ON idempotency (expires_at)",
    """
    CREATE TABLE live (
      job_id UUID NOT NULL,
      lane SMALLINT NOT NULL,
      tenant_id BIGINT NOT NULL,
      pool SMALLINT DEFAULT 0 NOT NULL,
      state SMALLINT NOT NULL,
      priority SMALLINT NOT NULL,
      run_at timestamptz,
      not_before timestamptz,
      deadline timestamptz,
      fence INTEGER DEFAULT 0 NOT NULL,
      attempt INTEGER DEFAULT 0 NOT NULL,
      failures INTEGER DEFAULT 0 NOT NULL,
      lost INTEGER DEFAULT 0 NOT NULL,
      session_id BIGINT,
      lease_until timestamptz,
      started_at timestamptz,
      cancel BOOLEAN DEFAULT false NOT NULL,
      CONSTRAINT pk_live PRIMARY KEY (job_id)
    ) WITH (
        fillfactor = 70,
        autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_cost_delay = 0
      )
    """,
    "CREATE INDEX ix_live_due ON live (run_at) WHERE state = 1",
    "CREATE INDEX ix_live_inflight ON live (lane, tenant_id) WHERE state IN (3, 4)",
    "CREATE INDEX ix_live_ready ON live (lane, tenant_id, priority, job_id) WHERE state = 2",
    "CREATE INDEX ix_live_released ON live (lease_until) WHERE state = 3",
    "CREATE INDEX ix_live_running ON live (session_id) WHERE state = 4",
    """
    CREATE TABLE flow (
      lane SMALLINT NOT NULL,
      tenant_id BIGINT NOT NULL,
      active BOOLEAN DEFAULT true NOT NULL,
      vtime BIGINT DEFAULT 0 NOT NULL,
      weight INTEGER DEFAULT 1000 NOT NULL,
      max_inflight INTEGER NOT NULL,
      parked_until timestamptz,
      park_reason SMALLINT,
      touched_at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_flow PRIMARY KEY (lane, tenant_id)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX ix_flow_next ON flow (lane, vtime) WHERE active AND parked_until IS NULL",
    "CREATE INDEX ix_flow_parked ON flow (parked_until) WHERE parked_until IS NOT NULL",
    """
    CREATE TABLE lane_clock (
      lane SMALLINT NOT NULL,
      v BIGINT DEFAULT 0 NOT NULL,
      pass BIGINT DEFAULT 0 NOT NULL,
      CONSTRAINT pk_lane_clock PRIMARY KEY (lane)
    )
    """,
    """
    CREATE TABLE session (
      id BIGINT GENERATED ALWAYS AS IDENTITY,
      expires_at timestamptz NOT NULL,
      host TEXT NOT NULL,
      pid INTEGER NOT NULL,
      slots INTEGER NOT NULL,
      lanes SMALLINT[] NOT NULL,
      draining BOOLEAN DEFAULT false NOT NULL,
      CONSTRAINT pk_session PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE limiter (
      key TEXT NOT NULL,
      tat timestamptz DEFAULT '-infinity' NOT NULL,
      emission INTERVAL NOT NULL,
      burst INTEGER NOT NULL,
      CONSTRAINT pk_limiter PRIMARY KEY (key)
    )
    """,
    """
    CREATE TABLE delivery (
      id UUID NOT NULL,
      event_id UUID NOT NULL,
      job_id UUID NOT NULL,
      tenant_id BIGINT NOT NULL,
      url TEXT NOT NULL,
      origin TEXT NOT NULL,
      attempt SMALLINT DEFAULT 0 NOT NULL,
      next_at timestamptz DEFAULT now() NOT NULL,
      lease_until timestamptz,
      fence INTEGER DEFAULT 0 NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_delivery PRIMARY KEY (id)
    ) WITH (
        fillfactor = 70,
        autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_cost_delay = 0
      )
    """,
    "CREATE INDEX ix_delivery_next_at ON delivery (next_at)",
    "CREATE INDEX ix_delivery_lane ON delivery (tenant_id, origin, next_at)",
    """
    CREATE TABLE delivery_attempt (
      event_id UUID NOT NULL,
      delivery_id UUID NOT NULL,
      n INTEGER NOT NULL,
      outcome TEXT NOT NULL,
      status SMALLINT,
      detail TEXT,
      duration_ms INTEGER NOT NULL,
      at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_delivery_attempt PRIMARY KEY (event_id, delivery_id, n)
    ) PARTITION BY RANGE (event_id)
    """,
    "INSERT INTO lane_clock (lane) VALUES (1), (2), (3), (4)",
)


def upgrade() -> None:
    """Apply."""
    for statement in _STATEMENTS:
        op.execute(statement)
