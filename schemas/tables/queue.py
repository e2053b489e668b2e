"""The hot tables: one row per unfinished job, one per flow, one per worker session."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Interval,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from schemas.tables.metadata import HOT, metadata

# States are those of schemas.job_states: 0 held, 1 scheduled, 2 ready, 3 released, 4 running.
live = Table(
    "live",
    metadata,
    Column("job_id", UUID(), primary_key=True),
    Column("lane", SmallInteger, nullable=False),
    Column("tenant_id", BigInteger, nullable=False),
    Column("pool", SmallInteger, nullable=False, server_default=text("0")),
    Column("state", SmallInteger, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("run_at", DateTime(timezone=True)),
    Column("not_before", DateTime(timezone=True)),
    Column("deadline", DateTime(timezone=True)),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    # Attempts that count against max_attempts; attempt counts every start.
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("lost", Integer, nullable=False, server_default=text("0")),
    Column("session_id", BigInteger),
    Column("lease_until", DateTime(timezone=True)),
    Column("started_at", DateTime(timezone=True)),
    Column("cancel", Boolean, nullable=False, server_default=text("false")),
    **HOT,
)
Index(
    "ix_live_ready",
    live.c.lane,
    live.c.tenant_id,
    live.c.priority,
    live.c.job_id,
    postgresql_where=text("state = 2"),
)
Index("ix_live_due", live.c.run_at, postgresql_where=text("state = 1"))
Index("ix_live_released", live.c.lease_until, postgresql_where=text("state = 3"))
Index("ix_live_running", live.c.session_id, postgresql_where=text("state = 4"))
Index(
    "ix_live_inflight",
    live.c.lane,
    live.c.tenant_id,
    postgresql_where=text("state IN (3, 4)"),
)

# A tenant's queue in a lane. Written by dispatchers; submitters only take a key share lock.
flow = Table(
    "flow",
    metadata,
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("vtime", BigInteger, nullable=False, server_default=text("0")),
    Column("weight", Integer, nullable=False, server_default=text("1000")),
    Column("max_inflight", Integer, nullable=False),
    Column("parked_until", DateTime(timezone=True)),
    Column("park_reason", SmallInteger),
    Column("touched_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    postgresql_with={"fillfactor": 70},
)
Index(
    "ix_flow_next",
    flow.c.lane,
    flow.c.vtime,
    postgresql_where=text("active AND parked_until IS NULL"),
)
Index("ix_flow_parked", flow.c.parked_until, postgresql_where=text("parked_until IS NOT NULL"))

# v: the lane's virtual time, to which a returning flow is clamped. pass: the lane's own place
# in the weighted rotation of lanes.
lane_clock = Table(
    "lane_clock",
    metadata,
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("v", BigInteger, nullable=False, server_default=text("0")),
    Column("pass", BigInteger, nullable=False, server_default=text("0"), key="turn"),
)

# One worker process. An id is never used again: it is half of every fence.
session = Table(
    "session",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("lanes", ARRAY(SmallInteger), nullable=False),
    Column("draining", Boolean, nullable=False, server_default=text("false")),
)

limiter = Table(
    "limiter",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tat", DateTime(timezone=True), nullable=False, server_default=text("'-infinity'")),
    Column("emission", Interval, nullable=False),
    Column("burst", Integer, nullable=False),
)
