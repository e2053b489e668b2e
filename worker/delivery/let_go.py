"""Lanes that this process let go, and looks at again for a while.

A lane that its owner lets go can miss a wake-up: who made a delivery saw it due still, and
committed a moment later.
"""

from collections import OrderedDict
from typing import Final

# Each is looked at until so long after it was let go, and once at the least after that.
SECONDS: Final = 5.0
# So many at a look, and looks no closer to each other than this.
MOST: Final = 200
EVERY_SECONDS: Final = 0.1


class LetGo:
    """The lanes, those first that were not looked at for longest."""

    def __init__(self) -> None:
        self._until: Final = OrderedDict[int, float]()
        self._next_at = 0.0
        self._left_out = False

    def add(self, lane_id: int, now: float) -> None:
        """Have a lane looked at again that is let go now."""
        self._until.pop(lane_id, None)
        self._until[lane_id] = now + SECONDS

    def discard(self, lane_id: int) -> None:
        """Forget a lane that is ours again."""
        self._until.pop(lane_id, None)

    def take(self, now: float) -> list[int]:
        """Return the lanes to look at now."""
        self._left_out = now < self._next_at and bool(self._until)
        if now < self._next_at:
            return []
        self._next_at = now + EVERY_SECONDS
        taken = list(self._until)[:MOST]
        for lane_id in taken:
            if self._until[lane_id] > now:
                self._until.move_to_end(lane_id)
            else:
                del self._until[lane_id]
        return taken

    def due_in(self, now: float) -> float | None:
        """Return when to make up for a look that came too soon, in seconds; ``None``: none."""
        return max(0.0, self._next_at - now) if self._left_out else None
