"""Engine: limits, pools, times, cancel, uniqueness, schedules. Only adds."""

from typing import Final

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS: Final = (
    """
    ALTER TABLE tenant
      ADD COLUMN IF NOT EXISTS max_inflight_total INTEGER,
      ADD COLUMN IF NOT EXISTS limits JSONB,
      ADD COLUMN IF NOT EXISTS paused_at timestamptz
    """,
    """
    ALTER TABLE job
      ADD COLUMN IF NOT EXISTS releases INTEGER,
      ADD COLUMN IF NOT EXISTS redrive_of UUID,
      ADD COLUMN IF NOT EXISTS redriven_by UUID,
      ADD COLUMN IF NOT EXISTS schedule_id UUID
    """,
    """
    ALTER TABLE live
      ADD COLUMN IF NOT EXISTS cancel_at timestamptz,
      ADD COLUMN IF NOT EXISTS start_by timestamptz,
      ADD COLUMN IF NOT EXISTS batch_id UUID,
      ADD COLUMN IF NOT EXISTS end_user_key BIGINT DEFAULT 0 NOT NULL,
      ADD COLUMN IF NOT EXISTS cost INTEGER DEFAULT 1000 NOT NULL,
      ADD COLUMN IF NOT EXISTS images INTEGER DEFAULT 0 NOT NULL,
      ADD COLUMN IF NOT EXISTS tokens INTEGER DEFAULT 0 NOT NULL,
      ADD COLUMN IF NOT EXISTS releases INTEGER DEFAULT 0 NOT NULL
    """,
    """
    ALTER TABLE flow
      ADD COLUMN IF NOT EXISTS parked_pools SMALLINT[],
      ADD COLUMN IF NOT EXISTS shared BOOLEAN DEFAULT false NOT NULL,
      ADD COLUMN IF NOT EXISTS last_end_user_key BIGINT DEFAULT 0 NOT NULL,
      ADD COLUMN IF NOT EXISTS cost INTEGER DEFAULT 1000 NOT NULL
    """,
    "ALTER TABLE lane_clock ADD COLUMN IF NOT EXISTS paused_at timestamptz",
    "ALTER TABLE limiter ADD COLUMN IF NOT EXISTS closed_until timestamptz",
    """
    CREATE TABLE IF NOT EXISTS pool (
      id SMALLINT GENERATED ALWAYS AS IDENTITY,
      model TEXT NOT NULL,
      paused_at timestamptz,
      CONSTRAINT pk_pool PRIMARY KEY (id),
      CONSTRAINT uq_pool_model UNIQUE (model)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS service_rate (
      lane SMALLINT NOT NULL,
      pool SMALLINT NOT NULL,
      jobs_per_second DOUBLE PRECISION NOT NULL,
      seconds_per_job DOUBLE PRECISION NOT NULL,
      measured_at timestamptz DEFAULT now() NOT NULL,
      CONSTRAINT pk_service_rate PRIMARY KEY (lane, pool)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS unique_job (
      tenant_id BIGINT NOT NULL,
      key TEXT NOT NULL,
      job_id UUID NOT NULL,
      expires_at timestamptz,
      CONSTRAINT pk_unique_job PRIMARY KEY (tenant_id, key)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_unique_job_expires_at ON unique_job (expires_at)
      WHERE expires_at IS NOT NULL
    """,
    "CREATE INDEX IF NOT EXISTS ix_unique_job_job_id ON unique_job (job_id)",
    """
    CREATE TABLE IF NOT EXISTS schedule (
      id UUID NOT NULL,
      tenant_id BIGINT NOT NULL,
      name TEXT NOT NULL,
      cron TEXT NOT NULL,
      timezone TEXT DEFAULT 'UTC' NOT NULL,
      request JSONB NOT NULL,
      catch_up TEXT DEFAULT 'once' NOT NULL,
      paused BOOLEAN DEFAULT false NOT NULL,
      next_at timestamptz,
      created_at timestamptz DEFAULT now() NOT NULL,
      error TEXT,
      CONSTRAINT pk_schedule PRIMARY KEY (id),
      CONSTRAINT uq_schedule_tenant_id_name UNIQUE (tenant_id, name),
      CONSTRAINT fk_schedule_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
    )
    """,
    "CREATE INDEX IF NOT EXISTS ix_schedule_next_at ON schedule (next_at) WHERE NOT paused",
    """
    CREATE TABLE IF NOT EXISTS schedule_run (
      schedule_id UUID NOT NULL,
      slot timestamptz NOT NULL,
      job_id UUID,
      error TEXT,
      CONSTRAINT pk_schedule_run PRIMARY KEY (schedule_id, slot),
      CONSTRAINT fk_schedule_run_schedule_id FOREIGN KEY(schedule_id)
        REFERENCES schedule (id) ON DELETE CASCADE
    )
    """,
)

# live holds a row per unfinished job: submitters go on while these are built. One that failed
# half-way is left invalid by PostgreSQL, so each begins anew.
_EXPIRING: Final = (
    "live (LEAST(deadline, start_by)) WHERE state < 4 AND LEAST(deadline, start_by) IS NOT NULL"
)
_CONCURRENT: Final = (
    (
        "ix_live_next",
        "live (lane, tenant_id, end_user_key, pool, priority, job_id) WHERE state = 2",
    ),
    (
        "ix_live_expiring",
        _EXPIRING,
    ),
    ("ix_live_cancelled", "live (cancel_at) WHERE cancel_at IS NOT NULL"),
    ("ix_live_batch_id", "live (batch_id) WHERE batch_id IS NOT NULL"),
)

# A partitioned table has no concurrent way. Few rows fit either condition; what it costs is one
# reading of the ledger, during which submits wait.
_OF_LEDGER: Final = (
    """
    CREATE INDEX IF NOT EXISTS ix_job_dead ON job (tenant_id, id)
      WHERE final_state = 12 AND redriven_by IS NULL
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_job_batch_id_id ON job (batch_id, id)
      WHERE batch_id IS NOT NULL
    """,
)


def upgrade() -> None:
    """Add columns with constant defaults (no table is rewritten), tables and indexes.

    Everything can be done twice: the second part commits statement by statement, and an upgrade
    that is cut short there begins again from the top.
    """
    for statement in _STATEMENTS:
        op.execute(statement)
    with op.get_context().autocommit_block():
        for name, what in _CONCURRENT:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")
        for statement in _OF_LEDGER:
            op.execute(statement)
