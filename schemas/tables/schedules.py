"""Recurring jobs: when they are due, and which times were served."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from schemas.tables.metadata import metadata

schedule = Table(
    "schedule",
    metadata,
    Column("id", UUID(), primary_key=True),
    Column("tenant_id", BigInteger, ForeignKey("tenant.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("cron", Text, nullable=False),
    Column("timezone", Text, nullable=False, server_default=text("'UTC'")),
    # The job to submit, as the body of POST /v1/jobs.
    Column("request", JSONB, nullable=False),
    # What becomes of times that passed while no dispatcher ran: skip, or once.
    Column("catch_up", Text, nullable=False, server_default=text("'once'")),
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    Column("next_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("error", Text),
    UniqueConstraint("tenant_id", "name"),
)
Index("ix_schedule_next_at", schedule.c.next_at, postgresql_where=text("NOT paused"))

# A time of a schedule is served once, whichever dispatcher gets there first.
schedule_run = Table(
    "schedule_run",
    metadata,
    Column(
        "schedule_id", UUID(), ForeignKey("schedule.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("slot", DateTime(timezone=True), primary_key=True),
    Column("job_id", UUID()),
    Column("error", Text),
)
