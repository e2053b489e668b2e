"""Who did what: one hash chain per tenant, and what is anchored outside of it."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from schemas.tables.metadata import metadata

# Append only. hash = SHA-256 over prev, seq, at and the canonical body; tenant 0 is the
# installation itself.
audit_log = Table(
    "audit_log",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
Index("ix_audit_log_at", audit_log.c.at)

# The heads of all chains at an instant, signed: a tail that is cut off afterwards is noticed.
audit_anchor = Table(
    "audit_anchor",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("heads", JSONB, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
)
