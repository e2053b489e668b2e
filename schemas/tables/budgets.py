"""What tenants and their end users may spend, and what they have spent and reserved."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from schemas.tables.metadata import HOT, metadata

# Units are those of schemas.budget: 1 money (millionths of a dollar), 2 images, 3 tokens.
# Periods: 1 day, 2 month, both of UTC. end_user: '' is the tenant itself, '*' each end user
# that has no budget of its own.
budget = Table(
    "budget",
    metadata,
    Column("tenant_id", BigInteger, ForeignKey("tenant.id"), primary_key=True),
    Column("end_user", Text, primary_key=True, server_default=text("''")),
    Column("unit", SmallInteger, primary_key=True, autoincrement=False),
    Column("period", SmallInteger, primary_key=True, autoincrement=False),
    Column("amount", BigInteger, nullable=False),
    Column("on_exhausted", Text, nullable=False, server_default=text("'reject'")),
)

# One row per budget, spender and period that was begun; kept for reports.
budget_use = Table(
    "budget_use",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("end_user", Text, primary_key=True),
    Column("unit", SmallInteger, primary_key=True, autoincrement=False),
    Column("period", SmallInteger, primary_key=True, autoincrement=False),
    Column("starts_on", Date, primary_key=True),
    Column("spent", BigInteger, nullable=False, server_default=text("0")),
    Column("reserved", BigInteger, nullable=False, server_default=text("0")),
    **HOT,
)

# What one unfinished job holds back. The job's end writes what it really took (spent_*), which
# locks nothing that others share; whoever next looks into the tenant's books moves the row
# over to budget_use.
reservation = Table(
    "reservation",
    metadata,
    Column("job_id", UUID(), primary_key=True),
    Column("tenant_id", BigInteger, nullable=False),
    Column("end_user", Text, nullable=False, server_default=text("''")),
    # The day it counts for; later than the submit if the job was parked until the reset.
    Column("day", Date, nullable=False),
    Column("money", BigInteger, nullable=False),
    Column("images", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    # The caller agreed to a slower lane once its budget was exhausted.
    Column("downgraded", Boolean, nullable=False, server_default=text("false")),
    # The job waits for the period that it counts for.
    Column("parked", Boolean, nullable=False, server_default=text("false")),
    # Null until the job has ended.
    Column("spent_money", BigInteger),
    Column("spent_images", BigInteger),
    Column("spent_tokens", BigInteger),
    **HOT,
)
Index(
    "ix_reservation_settled",
    reservation.c.tenant_id,
    postgresql_where=text("spent_money IS NOT NULL"),
)
