"""Front door: rights of tenants and keys, budgets, tags, feed, audit log. Only adds."""

from typing import Final

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS: Final = (
    """
    ALTER TABLE tenant
      ADD COLUMN IF NOT EXISTS plan TEXT,
      ADD COLUMN IF NOT EXISTS allowed_models TEXT[],
      ADD COLUMN IF NOT EXISTS allowed_kinds SMALLINT[],
      ADD COLUMN IF NOT EXISTS allowed_lanes SMALLINT[],
      ADD COLUMN IF NOT EXISTS safety_level TEXT DEFAULT 'standard' NOT NULL,
      ADD COLUMN IF NOT EXISTS calls_per_minute INTEGER,
      ADD COLUMN IF NOT EXISTS budgeted BOOLEAN DEFAULT false NOT NULL,
      ADD COLUMN IF NOT EXISTS suspended_at timestamptz,
      ADD COLUMN IF NOT EXISTS feed_floor_tx xid8,
      ADD COLUMN IF NOT EXISTS feed_floor_id UUID
    """,
    """
    ALTER TABLE api_key
      ADD COLUMN IF NOT EXISTS scopes TEXT[],
      ADD COLUMN IF NOT EXISTS expires_at timestamptz,
      ADD COLUMN IF NOT EXISTS last_used_at timestamptz,
      ADD COLUMN IF NOT EXISTS replaced_by UUID
    """,
    """
    ALTER TABLE job
      ADD COLUMN IF NOT EXISTS tags TEXT[],
      ADD COLUMN IF NOT EXISTS spent BIGINT
    """,
    "ALTER TABLE live ADD COLUMN IF NOT EXISTS budgeted BOOLEAN DEFAULT false NOT NULL",
    "ALTER TABLE idempotency ADD COLUMN IF NOT EXISTS answer JSONB",
    # In two steps: with its default at once, the column would be written into every old row.
    """
    ALTER TABLE outbox
      ADD COLUMN IF NOT EXISTS tenant_id BIGINT,
      ADD COLUMN IF NOT EXISTS tx xid8
    """,
    "ALTER TABLE outbox ALTER COLUMN tx SET DEFAULT pg_current_xact_id()",
    """
    CREATE TABLE IF NOT EXISTS budget (
      tenant_id BIGINT NOT NULL,
      end_user TEXT DEFAULT '' NOT NULL,
      unit SMALLINT NOT NULL,
      period SMALLINT NOT NULL,
      amount BIGINT NOT NULL,
      on_exhausted TEXT DEFAULT 'reject' NOT NULL,
      CONSTRAINT pk_budget PRIMARY KEY (tenant_id, end_user, unit, period),
      CONSTRAINT fk_budget_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS budget_use (
      tenant_id BIGINT NOT NULL,
      end_user TEXT NOT NULL,
      unit SMALLINT NOT NULL,
      period SMALLINT NOT NULL,
      starts_on DATE NOT NULL,
      spent BIGINT DEFAULT 0 NOT NULL,
      reserved BIGINT DEFAULT 0 NOT NULL,
      CONSTRAINT pk_budget_use PRIMARY KEY (tenant_id, end_user, unit, period, starts_on)
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_cost_delay = 0)
    """,
    """
    CREATE TABLE IF NOT EXISTS reservation (
      job_id UUID NOT NULL,
      tenant_id BIGINT NOT NULL,
      end_user TEXT DEFAULT '' NOT NULL,
      day DATE NOT NULL,
      money BIGINT NOT NULL,
      images BIGINT NOT NULL,
      tokens BIGINT NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      downgraded BOOLEAN DEFAULT false NOT NULL,
      parked BOOLEAN DEFAULT false NOT NULL,
      spent_money BIGINT,
      spent_images BIGINT,
      spent_tokens BIGINT,
      CONSTRAINT pk_reservation PRIMARY KEY (job_id)
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_cost_delay = 0)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_reservation_settled ON reservation (tenant_id)
      WHERE spent_money IS NOT NULL
    """,
    """
    CREATE TABLE IF NOT EXISTS audit_log (
      tenant_id BIGINT NOT NULL,
      seq BIGINT NOT NULL,
      at timestamptz NOT NULL,
      actor TEXT NOT NULL,
      action TEXT NOT NULL,
      object TEXT NOT NULL,
      detail JSONB NOT NULL,
      prev BYTEA NOT NULL,
      hash BYTEA NOT NULL,
      CONSTRAINT pk_audit_log PRIMARY KEY (tenant_id, seq)
    )
    """,
    "CREATE INDEX IF NOT EXISTS ix_audit_log_at ON audit_log (at)",
    # What was written stays: whoever may change this may also drop the table, and is found by
    # `genq audit verify`.
    """
    CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the audit log is append only' USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE ON audit_log
      FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()
    """,
    """
    CREATE TABLE IF NOT EXISTS audit_anchor (
      id BIGINT GENERATED ALWAYS AS IDENTITY,
      at timestamptz DEFAULT now() NOT NULL,
      heads JSONB NOT NULL,
      signature BYTEA NOT NULL,
      key_id TEXT NOT NULL,
      CONSTRAINT pk_audit_anchor PRIMARY KEY (id)
    )
    """,
    """
    CREATE OR REPLACE TRIGGER audit_anchor_is_append_only
      BEFORE UPDATE OR DELETE ON audit_anchor
      FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()
    """,
)

_OF_LEDGER: Final = (
    ("ix_job_tags", "job", "USING gin (tags) WHERE tags IS NOT NULL"),
    (
        "ix_job_metadata",
        "job",
        "USING gin (metadata jsonb_path_ops) WHERE metadata IS NOT NULL",
    ),
    ("ix_outbox_feed", "outbox", "(tenant_id, tx, id) WHERE tenant_id IS NOT NULL"),
)

_PARTITIONS: Final = text("""
SELECT c.relname, EXISTS (
  SELECT 1 FROM pg_inherits a JOIN pg_index x ON x.indexrelid = a.inhrelid
  WHERE a.inhparent = CAST(:index AS regclass) AND x.indrelid = c.oid) AS attached
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = CAST(:table AS regclass) ORDER BY c.relname
""")


def upgrade() -> None:
    """Add columns with constant defaults (no table is rewritten), tables and indexes.

    Everything can be done twice, and each statement is a transaction of its own: one that
    waits for a busy table holds up no other, and no two tables are locked at once, in an order
    that is not that of the running release's statements. Indexes are built partition by
    partition. An upgrade that is cut short begins again from the top.
    """
    with op.get_context().autocommit_block():
        for statement in _STATEMENTS:
            op.execute(statement)
        for name, table, what in _OF_LEDGER:
            _build(name, table, what)


def _build(name: str, table: str, what: str) -> None:
    """Index a partitioned table while its rows are written.

    The parent's index comes first and stays unusable until every partition has its part; a
    partition that is added meanwhile gets its own at once.
    """
    op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {what}")
    connection = op.get_bind()
    for partition, attached in connection.execute(
        _PARTITIONS, {"index": name, "table": table}
    ).all():
        if attached:
            continue
        part = f"{name}_{partition}"
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {part}")
        op.execute(f"CREATE INDEX CONCURRENTLY {part} ON {partition} {what}")
        op.execute(f"ALTER INDEX {name} ATTACH PARTITION {part}")
