"""What is left of an event whose content was deleted."""

from uuid import UUID

from schemas.ids import format_id


def erased_event(event_id: UUID, event_type: str) -> bytes:
    """Return what readers of a feed are told instead of the event: JSON."""
    shown = format_id("evt", event_id)
    return f'{{"id":"{shown}","object":"event","type":"{event_type}","erased":true}}'.encode()
