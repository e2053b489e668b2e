"""Data duties: keys of tenants and people, retention, legal holds, erasures."""

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
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from schemas.tables.metadata import metadata

_NOW = text("now()")
_KEY = text("uuidv7()")

# A tenant's data keys, wrapped by the installation's; the newest that is not retired seals.
tenant_key = Table(
    "tenant_key",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("retired_at", DateTime(timezone=True)),
)

# The salt of a person's key, sealed. Without it nothing that was sealed for them can be read:
# erasure is to delete it. subject: HMAC of the tenant's name for the person.
subject_key = Table(
    "subject_key",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", LargeBinary, primary_key=True),
    Column("salt", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("erased_at", DateTime(timezone=True)),
)

# Processes look every two seconds whose keys they must forget.
Index(
    "ix_subject_key_erased_at",
    subject_key.c.erased_at,
    postgresql_where=text("erased_at IS NOT NULL"),
)

# What neither retention nor erasure may take.
legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    # One of the two: a person (HMAC), or a job; neither: all of the tenant's.
    Column("subject", LargeBinary),
    Column("job_id", UUID()),
    Column("reason", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("released_by", Text),
    Column("released_at", DateTime(timezone=True)),
)
Index(
    "ix_legal_hold_tenant_id",
    legal_hold.c.tenant_id,
    postgresql_where=text("released_at IS NULL"),
)

# How long content is kept; the most particular rule counts. Lane and kind 0: any.
retention_rule = Table(
    "retention_rule",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("lane", SmallInteger, nullable=False, server_default=text("0")),
    Column("kind", SmallInteger, nullable=False, server_default=text("0")),
    # Hours after the end; 0: nothing is kept beyond the delivery.
    Column("prompt_hours", Integer, nullable=False),
    Column("result_hours", Integer, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    UniqueConstraint("tenant_id", "lane", "kind"),
)

# A person's data being erased, step by step. State: 0 waits, 1 done, 2 refused. Stage:
# schemas.privacy.ErasureStage; after: the last job, or file, that was looked at in it.
erasure = Table(
    "erasure",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default=text("0")),
    Column("after", UUID()),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("stage", SmallInteger, nullable=False, server_default=text("0")),
    # Files that were written anew without what the person's lines said.
    Column("files", ARRAY(UUID()), nullable=False, server_default=text("'{}'")),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("done_at", DateTime(timezone=True)),
)
Index("ix_erasure_waiting", erasure.c.id, postgresql_where=text("state = 0"))
Index("ix_erasure_tenant_id_id", erasure.c.tenant_id, erasure.c.id)
