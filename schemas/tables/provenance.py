"""What genq made: the registry by which a file is found again."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from schemas.tables.metadata import metadata

# No prompt and no person. Kept when the job's own rows are gone.
provenance_record = Table(
    "provenance_record",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=text("uuidv7()")),
    Column("tenant_id", BigInteger, nullable=False),
    Column("job_id", UUID(), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("index", Integer, nullable=False),
    Column("media_type", Text, nullable=False),
    # Of the bytes that were handed out.
    Column("sha256", LargeBinary, nullable=False),
    # Of a picture: 8 and 32 bytes, and what of them is looked up; of a text: its SimHash.
    Column("dhash", LargeBinary),
    Column("phash", LargeBinary),
    Column("simhash", LargeBinary),
    Column("bands", ARRAY(Integer)),
    Column("manifest_id", Text),
    Column("system", Text, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
)
Index("ix_provenance_record_sha256", provenance_record.c.sha256)
Index("ix_provenance_record_bands", provenance_record.c.bands, postgresql_using="gin")
Index("ix_provenance_record_job_id", provenance_record.c.job_id)
