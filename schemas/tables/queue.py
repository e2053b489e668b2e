"""The hot tables: one row per unfinished job, one per flow, one per worker session."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    Interval,
    SmallInteger,
    Table,
    Text,
    func,
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
    Column("cancel_at", DateTime(timezone=True)),
    # Not started by then: expired. Forgotten at the first start.
    Column("start_by", DateTime(timezone=True)),
    Column("batch_id", UUID()),
    # Who of the tenant's people asked: a hash of job.end_user, 0 for nobody in particular.
    Column("end_user_key", BigInteger, nullable=False, server_default=text("0")),
    # What the job is reckoned to take: thousandths of an ordinary job, images, tokens.
    Column("cost", Integer, nullable=False, server_default=text("1000")),
    Column("images", Integer, nullable=False, server_default=text("0")),
    Column("tokens", Integer, nullable=False, server_default=text("0")),
    # How often it was released; more than once a start is spinning.
    Column("releases", Integer, nullable=False, server_default=text("0")),
    # It has a row in reservation, to be settled when it ends.
    Column("budgeted", Boolean, nullable=False, server_default=text("false")),
    # What a held job waits for, as schemas.job_states.Hold.
    Column("hold", SmallInteger),
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
# The order in which a flow gives its jobs: by end user, by the pool that is open, then by
# priority and age. ix_live_ready is what the release before read; it also tells positions.
Index(
    "ix_live_next",
    live.c.lane,
    live.c.tenant_id,
    live.c.end_user_key,
    live.c.pool,
    live.c.priority,
    live.c.job_id,
    postgresql_where=text("state = 2"),
)
Index(
    "ix_live_expiring",
    func.least(live.c.deadline, live.c.start_by),
    postgresql_where=text("state < 4 AND LEAST(deadline, start_by) IS NOT NULL"),
)
Index("ix_live_cancelled", live.c.cancel_at, postgresql_where=text("cancel_at IS NOT NULL"))
Index("ix_live_batch_id", live.c.batch_id, postgresql_where=text("batch_id IS NOT NULL"))
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
    # Pools that were closed when the flow was parked for them: work for another one wakes it.
    Column("parked_pools", ARRAY(SmallInteger)),
    # Whether end users share it, and whose turn was the last.
    Column("shared", Boolean, nullable=False, server_default=text("false")),
    Column("last_end_user_key", BigInteger, nullable=False, server_default=text("0")),
    # What its jobs cost on average, of late.
    Column("cost", Integer, nullable=False, server_default=text("1000")),
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
    Column("paused_at", DateTime(timezone=True)),
)

# The jobs of one model: they wait together when its servers take no more, or it is paused.
pool = Table(
    "pool",
    metadata,
    Column("id", SmallInteger, Identity(always=True), primary_key=True),
    Column("model", Text, nullable=False, unique=True),
    Column("paused_at", DateTime(timezone=True)),
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

# GCRA: tat is the theoretical arrival time, emission the time that one unit takes, burst the
# units that may come at once. closed_until: the other side said when it will take more.
limiter = Table(
    "limiter",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tat", DateTime(timezone=True), nullable=False, server_default=text("'-infinity'")),
    Column("emission", Interval, nullable=False),
    Column("burst", Integer, nullable=False),
    Column("closed_until", DateTime(timezone=True)),
)

# How fast a lane really serves a model: exponentially weighted, for estimates of arrival.
service_rate = Table(
    "service_rate",
    metadata,
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("pool", SmallInteger, primary_key=True, autoincrement=False),
    Column("jobs_per_second", Double, nullable=False),
    Column("seconds_per_job", Double, nullable=False),
    Column(
        "measured_at", DateTime(timezone=True), nullable=False, server_default=text("now()")
    ),
)
