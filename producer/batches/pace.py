"""How often it is looked which lines of a batch have ended. Pure."""

from typing import Final

_SMALL: Final = 1_000
_SHORT: Final = 0.2
_LONG: Final = 1.0
# Looking takes a twentieth of the time at the most.
_PER_LOOK: Final = 20
_SLOWER: Final = 1.5
_IDLE: Final = 2.0
_LONGEST: Final = 30.0


class Pace:
    """The pause between two looks: longer where looking costs, or finds nothing.

    Args:
        hurry: No pause at all, for tests that step through a batch.
    """

    def __init__(self, *, hurry: bool = False) -> None:
        self._hurry = hurry
        self._pause = 0.0
        self._next = 0.0

    def left(self, now: float) -> float:
        """Return how long it is to the next look; 0: it is due."""
        return max(0.0, self._next - now)

    def looked(self, now: float, *, took: float, found: int, open_lines: int) -> None:
        """Reckon when to look next.

        Args:
            now: The loop's time.
            took: How long the look took, in seconds.
            found: How many lines had ended.
            open_lines: How many have not.
        """
        if self._hurry:
            return
        usual = max(_SHORT if open_lines <= _SMALL else _LONG, _PER_LOOK * took)
        if found or not self._pause:
            self._pause = usual
        else:
            self._pause = max(usual, min(self._pause * _SLOWER, _IDLE))
        self._pause = min(self._pause, _LONGEST)
        self._next = now + self._pause
