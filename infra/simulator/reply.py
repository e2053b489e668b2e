"""A finished answer, before faults and latency have touched it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model route answers.

    Attributes:
        content_type: Of the body, if the answer is not a stream.
        parts: The body in pieces, if the answer is not a stream. Thousands of calls that
            wait for their latency share the pictures among these instead of copying them.
        events: The ``data:`` payloads of a stream, without the closing ``[DONE]``.
        names: What the events are called, if they have names; such a stream has no closing
            mark, and its last event is there when the whole answer is due.
    """

    parts: Sequence[bytes] = ()
    events: Sequence[bytes] = ()
    names: Sequence[bytes] = ()
    content_type: str = "application/json"

    def frames(self) -> list[bytes]:
        """Return the events as they are sent."""
        if self.names:
            named = zip(self.names, self.events, strict=True)
            return [b"event: %b\ndata: %b\n\n" % pair for pair in named]
        return [b"data: %b\n\n" % event for event in self.events]

    def body(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.parts)
