"""Group released pointers into messages. Pure."""

from collections.abc import Sequence

from infra.broker import LARGEST_CARRIER, Carrier
from schemas.claim import Pointer
from schemas.lanes import Lane


def load_carriers(
    lane: Lane, pointers: Sequence[Pointer], *, workers: int, fewest_slots: int
) -> list[Carrier]:
    """Spread one lane's pointers over messages.

    One job travels alone and at once. Of more, every worker shall get a message, and no
    message holds more than the smallest worker can run.
    """
    if not pointers:
        return []
    even = -(-len(pointers) // max(1, workers))
    size = min(LARGEST_CARRIER, even, max(1, fewest_slots))
    return [
        Carrier(lane, tuple(pointers[start : start + size]))
        for start in range(0, len(pointers), size)
    ]
