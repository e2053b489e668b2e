"""Safety: policies, evidence, reviews, appeals, reports, block lists, strikes."""

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
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from schemas.tables.metadata import metadata

_NOW = text("now()")
_KEY = text("uuidv7()")

# Versions of what decides; tenant 0 is the installation itself. A version never changes.
safety_policy = Table(
    "safety_policy",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("document", JSONB, nullable=False),
    # SHA-256 of the document's canonical JSON.
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("created_by", Text, nullable=False),
    # The second person, where a change needs one.
    Column("approved_by", Text),
    Column("activated_at", DateTime(timezone=True)),
    Column("activated_by", Text),
    Column("retired_at", DateTime(timezone=True)),
    UniqueConstraint("tenant_id", "version"),
)
Index(
    "uq_safety_policy_active",
    safety_policy.c.tenant_id,
    unique=True,
    postgresql_where=text("activated_at IS NOT NULL AND retired_at IS NULL"),
)

# What was judged, sealed, for reviews and appeals; written by itself, so that nothing that is
# rolled back takes it along. An empty body: its time is over, or it was erased.
safety_evidence = Table(
    "safety_evidence",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("job_id", UUID(), nullable=False),
    Column("stage", Text, nullable=False),
    Column("subject", LargeBinary),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("verdict", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    # Neither retention nor erasure takes it.
    Column("held", Boolean, nullable=False, server_default=text("false")),
)
Index("ix_safety_evidence_job_id", safety_evidence.c.job_id)
Index("ix_safety_evidence_expires_at", safety_evidence.c.expires_at)
Index(
    "ix_safety_evidence_tenant_id_subject",
    safety_evidence.c.tenant_id,
    safety_evidence.c.subject,
)

# What people decide. State: 0 open, 1 decided, 2 timed out, 3 withdrawn.
review_item = Table(
    "review_item",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("job_id", UUID(), nullable=False),
    # Why it is here: hold, sample, report, appeal.
    Column("origin", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default=text("0")),
    # The job waits for it.
    Column("holds", Boolean, nullable=False, server_default=text("false")),
    Column("needs", SmallInteger, nullable=False, server_default=text("1")),
    Column("escalated", Boolean, nullable=False, server_default=text("false")),
    Column("verdict", JSONB, nullable=False),
    # What the job's end will hold if it is approved, sealed: an output that waits.
    Column("pending", LargeBinary),
    Column("claimed_by", Text),
    Column("claimed_until", DateTime(timezone=True)),
    # Who may not decide it: those who decided before.
    Column("barred", JSONB, nullable=False, server_default=text("'[]'")),
    Column("due_at", DateTime(timezone=True)),
    Column("on_timeout", SmallInteger),
    Column("outcome", SmallInteger),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("decided_at", DateTime(timezone=True)),
    Column("revision", Integer, nullable=False, server_default=text("1")),
)
Index(
    "ix_review_item_open",
    review_item.c.created_at,
    review_item.c.id,
    postgresql_where=text("state = 0"),
)
Index(
    "ix_review_item_due",
    review_item.c.due_at,
    postgresql_where=text("state = 0 AND due_at IS NOT NULL"),
)
Index("ix_review_item_job_id", review_item.c.job_id)
# What is over, and has something in the object store that is not needed any more.
Index(
    "ix_review_item_pending",
    review_item.c.id,
    postgresql_where=text("state <> 0 AND pending IS NOT NULL"),
)
Index("ix_review_item_tenant_id_id", review_item.c.tenant_id, review_item.c.id)

# Each decision of each person; one person decides an item once.
review_decision = Table(
    "review_decision",
    metadata,
    Column("item_id", UUID(), primary_key=True),
    Column("reviewer", Text, primary_key=True),
    # approve, reject, escalate.
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # In the clear by releases that sealed none; read, and not written any more.
    Column("note", Text),
    Column("at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("sealed_note", LargeBinary),
)

# One appeal per job. State: 0 open, 1 upheld, 2 overturned.
appeal = Table(
    "appeal",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("job_id", UUID(), nullable=False, unique=True),
    Column("item_id", UUID(), nullable=False),
    # The submitter's words, sealed.
    Column("body", LargeBinary),
    Column("state", SmallInteger, nullable=False, server_default=text("0")),
    # The job that does it over, once it was overturned.
    Column("requeued_as", UUID()),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("decided_at", DateTime(timezone=True)),
)
Index("ix_appeal_tenant_id_id", appeal.c.tenant_id, appeal.c.id)

# What users say of results.
job_report = Table(
    "job_report",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("job_id", UUID(), nullable=False),
    Column("category", Text, nullable=False),
    # HMAC of who said so, if somebody is named.
    Column("reporter", LargeBinary),
    Column("note", LargeBinary),
    Column("item_id", UUID()),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)
Index("ix_job_report_tenant_id_id", job_report.c.tenant_id, job_report.c.id)
Index("ix_job_report_job_id", job_report.c.job_id)

# Fingerprints of pictures that are not to be made or taken; tenant 0: everybody's.
hash_list = Table(
    "hash_list",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("action", SmallInteger, nullable=False),
    # Readers load a list anew when this has moved.
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    UniqueConstraint("tenant_id", "name"),
)
hash_entry = Table(
    "hash_entry",
    metadata,
    Column("list_id", UUID(), primary_key=True),
    # sha256, phash256 or dhash64.
    Column("algorithm", Text, primary_key=True),
    Column("hash", LargeBinary, primary_key=True),
    Column("note", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)

# Who was blocked, or tried to get around it; subject is an HMAC, tenant-wide if empty.
safety_strike = Table(
    "safety_strike",
    metadata,
    Column("id", UUID(), primary_key=True, server_default=_KEY),
    Column("tenant_id", BigInteger, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("weight", SmallInteger, nullable=False),
    # The prompt's place in the classifier's space, for near-duplicates; 256 signed bytes.
    Column("vector", LargeBinary),
    Column("at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)
Index(
    "ix_safety_strike_subject",
    safety_strike.c.tenant_id,
    safety_strike.c.subject,
    safety_strike.c.at,
)
Index("ix_safety_strike_at", safety_strike.c.at)
