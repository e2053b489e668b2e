"""The audit log in answers."""

from typing import Any, Literal

from schemas.audit import AuditEntry
from schemas.job import iso_ms
from schemas.shape import Shape


class AuditEntryView(Shape):
    """Who did what to which object; ``hash`` chains it to the entry before it."""

    object: Literal["audit_entry"]
    seq: int
    at: str
    actor: str
    action: str
    target: str
    detail: dict[str, Any]
    hash: str


class AuditPage(Shape):
    """Entries of one chain, newest first."""

    object: Literal["list"]
    data: list[AuditEntryView]
    has_more: bool
    next: str | None


def audit_view(entry: AuditEntry) -> dict[str, Any]:
    """Return the JSON form: exactly the fields of ``AuditEntryView``."""
    return {
        "object": "audit_entry",
        "seq": entry.seq,
        "at": iso_ms(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.object,
        "detail": dict(entry.detail),
        "hash": entry.hash.hex(),
    }
