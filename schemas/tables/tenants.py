"""Who may ask: tenants and their API keys."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from schemas.tables.metadata import Xid8, metadata

tenant = Table(
    "tenant",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    # Share among the tenants of a lane; 1000 is one ordinary share.
    Column("weight", Integer, nullable=False, server_default=text("1000")),
    # The most jobs released or running at once in one lane.
    Column("max_inflight", Integer, nullable=False),
    Column("webhook_secret", Text, nullable=False),
    # The most jobs released or running at once over all lanes; null: no such limit.
    Column("max_inflight_total", Integer),
    # The plan: requests, images and tokens per minute, as schemas.limits names them.
    Column("limits", JSONB),
    Column("paused_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    # The name of its plan, for people and reports; the numbers are in the other columns.
    Column("plan", Text),
    # What its jobs may name; null: everything that is configured.
    Column("allowed_models", ARRAY(Text)),
    Column("allowed_kinds", ARRAY(SmallInteger)),
    Column("allowed_lanes", ARRAY(SmallInteger)),
    Column("safety_level", Text, nullable=False, server_default=text("'standard'")),
    # Calls of the API; null: the installation's default.
    Column("calls_per_minute", Integer),
    # It has rows in budget: submits reserve, finishes settle. Others pay nothing for budgets.
    Column("budgeted", Boolean, nullable=False, server_default=text("false")),
    # None of its keys works while this is set.
    Column("suspended_at", DateTime(timezone=True)),
    # The last event of its feed that retention took; whoever is not past it has missed some.
    Column("feed_floor_tx", Xid8),
    Column("feed_floor_id", UUID()),
    # Which events before the end any of its endpoints wants, as schemas.webhooks.Hears.
    Column("hears", SmallInteger, nullable=False, server_default=text("0")),
    # Its jobs run on model servers that have all these tags, and on no other.
    Column("required_tags", ARRAY(Text)),
    # Its jobs may be given the answers of earlier ones.
    Column("cache", Boolean, nullable=False, server_default=text("true")),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=text("uuidv7()")),
    Column("tenant_id", BigInteger, ForeignKey("tenant.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    # The first characters, so that people can tell keys apart; the rest is never kept.
    Column("prefix", Text, nullable=False),
    # HMAC-SHA256 of the key under the installation's pepper.
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("revoked_at", DateTime(timezone=True)),
    # What it may do, as schemas.scopes names it; null: everything of its own tenant.
    Column("scopes", ARRAY(Text)),
    Column("expires_at", DateTime(timezone=True)),
    # To about a minute.
    Column("last_used_at", DateTime(timezone=True)),
    # The key that takes its place; this one works until expires_at.
    Column("replaced_by", UUID()),
)
