"""Files, batches and their lines, and calls that were held while their job ran."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from schemas.tables.metadata import HOT, metadata

_NOW = text("now()")
_KEY = text("uuidv7()")

# What was uploaded, or made by a batch. The bytes lie in the object store. A file that is
# deleted is seen by nobody; its row stays until its bytes are gone.
file = Table(
    "file",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("object_key", Text, nullable=False),
    # The batch that made it.
    Column("batch_id", UUID()),
    # The job that it came in with: it goes when what that was asked is erased.
    Column("job_id", UUID()),
    # What opens the bytes, sealed for the tenant; null: they lie as they are.
    Column("key", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("expires_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),
)
Index("ix_file_job_id", file.c.job_id, postgresql_where=text("job_id IS NOT NULL"))
Index("ix_file_tenant_id_id", file.c.tenant_id, file.c.id)
Index(
    "ix_file_leaving",
    func.least(file.c.deleted_at, file.c.expires_at),
    postgresql_where=text("LEAST(deleted_at, expires_at) IS NOT NULL"),
)

# Status: schemas.batch.BatchStatus. Whoever works on it holds it by lease and fence.
batch = Table(
    "batch",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("endpoint", Text, nullable=False),
    # Of its lines, once the first was read.
    Column("model", Text),
    Column("input_file_id", UUID(), nullable=False),
    # The batch whose failed lines it does again, out of the same file.
    Column("retry_of", UUID()),
    Column("lane", SmallInteger, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    # {"url", "events"}, as jobs have it.
    Column("webhook", JSONB),
    # The most lines that are jobs at the same time; null: as the installation likes.
    Column("max_parallel", Integer),
    Column("ordered_output", Boolean, nullable=False, server_default=text("true")),
    # As it was asked for: "24h".
    Column("completion_window", Text, nullable=False),
    # Seconds that its files are kept; null: as the installation likes.
    Column("output_expires_after", Integer),
    Column("metadata", JSONB, key="labels"),
    Column("status", SmallInteger, nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("in_progress_at", DateTime(timezone=True)),
    Column("finalizing_at", DateTime(timezone=True)),
    Column("completed_at", DateTime(timezone=True)),
    Column("failed_at", DateTime(timezone=True)),
    Column("expired_at", DateTime(timezone=True)),
    Column("cancelling_at", DateTime(timezone=True)),
    Column("cancelled_at", DateTime(timezone=True)),
    Column("total", Integer, nullable=False, server_default=text("0")),
    Column("completed", Integer, nullable=False, server_default=text("0")),
    Column("failed", Integer, nullable=False, server_default=text("0")),
    # Of those that failed: what did not end in time, and what was cancelled with the batch.
    Column("expired", Integer, nullable=False, server_default=text("0")),
    Column("cancelled", Integer, nullable=False, server_default=text("0")),
    # How far its file was turned into jobs: lines of the file, and the byte after the last.
    Column("lines_read", Integer, nullable=False, server_default=text("0")),
    Column("bytes_read", BigInteger, nullable=False, server_default=text("0")),
    # [{"code", "line", "message", "param"}]: why it failed.
    Column("errors", JSONB),
    Column("output_file_id", UUID()),
    Column("error_file_id", UUID()),
    # In OpenAI's names, summed over its lines.
    Column("usage", JSONB),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("lease_until", DateTime(timezone=True)),
    **HOT,
)
Index("ix_batch_tenant_id_id", batch.c.tenant_id, batch.c.id)
Index("ix_batch_open", batch.c.id, postgresql_where=text("status < 10"))
Index("ix_batch_input_file_id", batch.c.input_file_id)

# One line of a batch that has become a job, or was refused. seq: its place among those that
# have ended, in the order in which that was noticed.
batch_line = Table(
    "batch_line",
    metadata,
    Column("batch_id", UUID(), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("custom_id", Text, nullable=False),
    Column("job_id", UUID()),
    # Of a line that is no job: {"status_code", "body"}, as its answer says it. Of one whose
    # answer could not be read when the files were written: {"error": {"code", "message"}}.
    Column("answer", JSONB),
    Column("seq", Integer),
    # schemas.batch.LineOutcome, once it has ended.
    Column("outcome", SmallInteger),
    # The erasure that took what it said; all zeros: it was gone when its file was read.
    Column("erased_by", UUID()),
)
Index(
    "ix_batch_line_erased",
    batch_line.c.batch_id,
    batch_line.c.line,
    postgresql_where=text("erased_by IS NOT NULL"),
)
Index(
    "ix_batch_line_seq",
    batch_line.c.batch_id,
    batch_line.c.seq,
    unique=True,
    postgresql_where=text("seq IS NOT NULL"),
)
# Those that did not succeed.
Index(
    "ix_batch_line_failed",
    batch_line.c.batch_id,
    batch_line.c.seq,
    postgresql_where=text("outcome > 1"),
)
Index(
    "ix_batch_line_open",
    batch_line.c.batch_id,
    batch_line.c.line,
    postgresql_where=text("seq IS NULL"),
)

# Calls that wait, or waited, for a job's end: a repetition of the call finds the job by the
# digest of what was asked. A job's own row is written with the job: whichever process dies, its
# repetition finds it.
held_call = Table(
    "held_call",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, primary_key=True),
    Column("job_id", UUID(), primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    # Somebody waits for it until then.
    Column("held_until", DateTime(timezone=True)),
    # It was answered with the job's end.
    Column("delivered_at", DateTime(timezone=True)),
)
Index("ix_held_call_created_at", held_call.c.created_at)
