"""A finished answer, before faults and latency have touched it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model route answers.

    Attributes:
        parts: The JSON body in pieces, if the answer is not a stream. Thousands of calls that
            wait for their latency share the pictures among these instead of copying them.
        events: The ``data:`` payloads of a stream, without the closing ``[DONE]``.
    """

    parts: Sequence[bytes] = ()
    events: Sequence[bytes] = ()

    def body(self) -> bytes:
        """Return the JSON body."""
        return b"".join(self.parts)
