"""Routes: which of a model's servers get its calls, as operators changed it at run time."""

from sqlalchemy import Column, DateTime, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from schemas.tables.metadata import metadata

_NOW = text("now()")

# A version never changes.
route_version = Table(
    "route_version",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", JSONB, nullable=False),
    # What counted before it: what a rollback returns to. 0: the settings alone.
    Column("replaces", Integer, nullable=False),
    Column("note", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("created_by", Text, nullable=False),
)

# Which version of each model counts; 0, or no row: the settings alone.
route = Table(
    "route",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    # One more with every change: the sum over all rows tells that something changed.
    Column("changes", Integer, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("changed_by", Text, nullable=False),
)
