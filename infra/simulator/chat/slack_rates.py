"""Slack's limits of rates: a store of calls for each method and channel, refilled evenly."""

from dataclasses import dataclass, field

from infra.clock import Clock
from infra.simulator.chat.slack_errors import too_often
from infra.simulator.chat.wire import RefusedError


@dataclass(frozen=True, slots=True)
class Refill:
    """So many calls at once; one more every so many seconds."""

    calls: int
    seconds: float


@dataclass(slots=True)
class SlackRates:
    """All stores.

    Attributes:
        posts: ``chat.postMessage`` and ``chat.postEphemeral``, of a channel.
        updates: ``chat.update``, of a channel.
        others: Each other method, of the workspace.
    """

    clock: Clock
    posts: Refill = Refill(5, 1.0)
    updates: Refill = Refill(50, 1.2)
    others: Refill = Refill(100, 0.6)
    _full_at: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])

    def take(self, method: str, channel: str) -> None:
        """Count a call.

        Raises:
            RefusedError: 429.
        """
        refill, key = self.others, (method, "")
        if method.startswith("chat.post"):
            refill, key = self.posts, ("post", channel)
        elif method == "chat.update":
            refill, key = self.updates, (method, channel)
        now = self.clock.monotonic()
        full_at = max(now, self._full_at.get(key, now)) + refill.seconds
        wait = full_at - now - refill.calls * refill.seconds
        if wait > 0:
            raise RefusedError(too_often(wait), "too many requests")
        self._full_at[key] = full_at
