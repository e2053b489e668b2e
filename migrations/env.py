"""Run by Alembic: applies revisions on the connection that ``migrations.apply`` hands in."""

from typing import cast

from alembic import context
from sqlalchemy import Connection

from schemas.tables.metadata import metadata

context.configure(
    connection=cast("Connection", context.config.attributes["connection"]),
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
