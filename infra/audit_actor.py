"""Who acts: set where somebody comes in, told by the audit log."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.audit_log import append_entry
from schemas.audit import Detail

# What a request calls runs in the request's own context: two of them never share this.
_ACTOR: Final = ContextVar("audit_actor", default="genq")


@contextmanager
def acting_as(actor: str) -> Generator[None]:
    """Let what is recorded inside the block be told as this one's doing.

    Args:
        actor: ``key gq_abcdefgh``, or ``operator name@host``.
    """
    before = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(before)


def actor() -> str:
    """Return who acts now."""
    return _ACTOR.get()


async def record(
    connection: AsyncConnection, tenant_id: int, action: str, of: str, detail: Detail
) -> None:
    """Add to a tenant's chain what whoever acts now does; it counts with the caller's commit.

    See ``infra.postgres.audit_log.append_entry``.
    """
    await append_entry(
        connection, tenant_id, actor=_ACTOR.get(), action=action, of=of, detail=detail
    )
