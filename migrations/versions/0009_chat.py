"""Chats: bindings, what was heard, messages that show jobs. Only adds."""

from typing import Final

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE IF NOT EXISTS chat_bot (
      platform TEXT NOT NULL,
      token_digest BYTEA,
      stopped_at TIMESTAMP WITH TIME ZONE,
      stopped_reason TEXT,
      paused_until TIMESTAMP WITH TIME ZONE,
      updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      CONSTRAINT pk_chat_bot PRIMARY KEY (platform)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS chat_inbound (
      platform TEXT NOT NULL,
      dedupe_key TEXT NOT NULL,
      job_id UUID,
      answer BYTEA,
      received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      CONSTRAINT pk_chat_inbound PRIMARY KEY (platform, dedupe_key)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_chat_inbound_job_id
      ON chat_inbound (job_id)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_chat_inbound_received_at
      ON chat_inbound (received_at)
    """,
    """
    CREATE TABLE IF NOT EXISTS chat_link (
      digest BYTEA NOT NULL,
      platform TEXT NOT NULL,
      place_id TEXT NOT NULL,
      user_id TEXT NOT NULL,
      expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
      used_at TIMESTAMP WITH TIME ZONE,
      tries SMALLINT DEFAULT 0 NOT NULL,
      CONSTRAINT pk_chat_link PRIMARY KEY (digest)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_chat_link_expires_at
      ON chat_link (expires_at)
    """,
    """
    CREATE TABLE IF NOT EXISTS chat_message (
      id UUID NOT NULL,
      job_id UUID NOT NULL,
      tenant_id BIGINT NOT NULL,
      platform TEXT NOT NULL,
      place_id TEXT NOT NULL,
      user_id TEXT NOT NULL,
      command TEXT NOT NULL,
      title TEXT DEFAULT '' NOT NULL,
      ref JSONB NOT NULL,
      token BYTEA,
      state SMALLINT DEFAULT 1 NOT NULL,
      rendered BYTEA,
      edited_at TIMESTAMP WITH TIME ZONE,
      posting_at TIMESTAMP WITH TIME ZONE,
      detail TEXT,
      created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      ended_at TIMESTAMP WITH TIME ZONE,
      CONSTRAINT pk_chat_message PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_chat_message_created_at
      ON chat_message (created_at)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_chat_message_open
      ON chat_message (tenant_id, platform, user_id, id)
      WHERE state <> 2
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_chat_message_unended
      ON chat_message (id)
      WHERE state = 1
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_chat_message_user
      ON chat_message (tenant_id, platform, user_id, id)
    """,
    """
    CREATE UNIQUE INDEX IF NOT EXISTS uq_chat_message_job_id
      ON chat_message (job_id)
    """,
    """
    CREATE TABLE IF NOT EXISTS chat_press (
      job_id UUID NOT NULL,
      verb TEXT NOT NULL,
      index SMALLINT NOT NULL,
      user_id TEXT NOT NULL,
      next_job_id UUID NOT NULL,
      pressed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      CONSTRAINT pk_chat_press PRIMARY KEY (job_id, verb, index, user_id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_chat_press_next_job_id
      ON chat_press (next_job_id)
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_chat_press_pressed_at
      ON chat_press (pressed_at)
    """,
    """
    CREATE TABLE IF NOT EXISTS chat_binding (
      id UUID DEFAULT uuidv7() NOT NULL,
      platform TEXT NOT NULL,
      place_id TEXT DEFAULT '' NOT NULL,
      user_id TEXT DEFAULT '' NOT NULL,
      tenant_id BIGINT NOT NULL,
      rules JSONB DEFAULT '{}'::jsonb NOT NULL,
      paused_at TIMESTAMP WITH TIME ZONE,
      paused_reason TEXT,
      created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      CONSTRAINT pk_chat_binding PRIMARY KEY (id),
      CONSTRAINT fk_chat_binding_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_chat_binding_tenant_id
      ON chat_binding (tenant_id)
    """,
    """
    CREATE UNIQUE INDEX IF NOT EXISTS uq_chat_binding_platform_place_id_user_id
      ON chat_binding (platform, place_id, user_id)
    """,
)


def upgrade() -> None:
    """Add tables and indexes."""
    for statement in _STATEMENTS:
        op.execute(statement)
