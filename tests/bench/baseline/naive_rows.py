"""N's one table, by the ORM."""

import functools
import uuid

from sqlalchemy import Engine, String, create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tests.bench.baseline.settings import fact


class NaiveTables(DeclarativeBase):
    """The tables of N."""


class NaiveJob(NaiveTables):
    """A job from its submit to its end."""

    __tablename__ = "naive_job"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    status: Mapped[str] = mapped_column(String, default="queued", index=True)
    prompt: Mapped[str]
    size: Mapped[str]
    webhook: Mapped[str]
    result: Mapped[dict[str, str] | None] = mapped_column(JSONB, default=None)


@functools.cache
def engine() -> Engine:
    """Return the engine of this process."""
    return create_engine(fact("database"), pool_size=10)


def session() -> Session:
    """Open a session."""
    return Session(engine())
