"""Where derived jobs come from: a row for each, written with the job, kept as long as it is."""

from sqlalchemy import BigInteger, Column, Index, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from schemas.tables.metadata import by_range, metadata

lineage = Table(
    "lineage",
    metadata,
    Column("job_id", UUID(), primary_key=True),
    Column("tenant_id", BigInteger, nullable=False),
    # The job that the whole tree grew from.
    Column("root_id", UUID(), nullable=False),
    # What it was made of; the job that was acted on comes first.
    Column("parent_ids", ARRAY(UUID()), nullable=False),
    Column("action", Text, nullable=False),
    # How: the picture's index, a factor, a direction. No content.
    Column("detail", JSONB),
    **by_range("lineage"),
)
# A tree, page by page.
Index("ix_lineage_tree", lineage.c.tenant_id, lineage.c.root_id, lineage.c.job_id)
