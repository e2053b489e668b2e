"""One lane that this process owns: what of it waits and is in flight."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from infra.postgres.delivery import Owed
from infra.postgres.delivery_lanes import LaneLease
from infra.postgres.due_lanes import Trust
from infra.webhook_receivers import Destination
from schemas.receiver import Receiver
from schemas.webhooks import Trigger
from worker.delivery.lane_state import BY_HAND, LaneState, may_send, next_instant


@dataclass(slots=True, eq=False)
class HeldLane:
    """A lane that is ours.

    Attributes:
        state: Where its receiver stands now.
        saved: What of that is in its row.
        ends_at: When the lease ends, by the loop's clock: nothing begins after that.
        read_at: When ``destination`` was read, by the same clock.
        waiting: What is live and was fetched.
        past: What a recovery sends again and was fetched: behind all that is live.
        held: What it has of deliveries, waiting, in flight or not recorded, and since when.
        quick: The receiver answered at once, last.
        more_live: More that is live is due than was fetched.
        more_past: More of what a recovery sends again.
        has_waiting: Some of what is due has to wait for earlier events of its jobs.
        idle_since: Since when nothing was found; ``None``: something was.
        delivered: Attempts that succeeded and are not in its row yet.
        failed: Attempts that did not.
        returning: What failed in a lane that goes in strict order, and is not recorded: nothing
            passes it.
        lost: It has another owner now: what it holds is not ours to send.
    """

    lease: LaneLease
    tenant_id: int
    destination: Destination
    state: LaneState
    saved: LaneState
    ends_at: float
    read_at: float
    waiting: deque[Owed] = field(default_factory=deque[Owed])
    past: deque[Owed] = field(default_factory=deque[Owed])
    held: dict[UUID, float] = field(default_factory=dict[UUID, float])
    in_flight: int = 0
    quick: bool = False
    more_live: bool = False
    more_past: bool = False
    has_waiting: bool = False
    idle_since: float | None = None
    delivered: int = 0
    failed: int = 0
    returning: set[UUID] = field(default_factory=set[UUID])
    lost: bool = False

    @property
    def id(self) -> int:
        """The number of the lane."""
        return self.lease.lane_id

    @property
    def receiver(self) -> Receiver:
        """Where it leads."""
        return self.destination.receiver

    @property
    def proven(self) -> bool:
        """Whether the last attempt succeeded."""
        return self.trust is Trust.PROVEN

    @property
    def trust(self) -> Trust:
        """What is known of the receiver."""
        if self.state.failures:
            return Trust.FAILING
        return Trust.UNTRIED if self.state.last_success_at is None else Trust.PROVEN

    @property
    def more(self) -> bool:
        """Whether more is due than was fetched."""
        return self.more_live or self.more_past

    def is_held_back(self, at: datetime) -> bool:
        """Return whether nothing may be sent but what somebody asked for by hand."""
        blocked = self.state.blocked_until is not None and self.state.blocked_until > at
        return blocked or self.destination.disabled

    def may_begin(self, owed: Owed, *, at: datetime) -> bool:
        """Return whether the lane itself allows the next request now."""
        if self.destination.disabled and (owed.trigger is not Trigger.TEST or self.in_flight):
            return False
        return not self.returning and may_send(
            self.state,
            self.receiver,
            in_flight=self.in_flight,
            at=at,
            by_hand=owed.trigger in BY_HAND,
        )

    def free_in(self, at: datetime) -> timedelta | None:
        """Return how long the lane must wait for its next request; ``None``: not by time."""
        if not self.waiting and not self.past:
            return None
        free = next_instant(self.state, self.receiver, at=at)
        return None if free is None else free - at
