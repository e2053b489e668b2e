"""Where a queued job stands, when it will probably start, and what it waits for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.shape import Shape


class WaitingOn(StrEnum):
    """Why a queued job does not run yet."""

    LANE = "lane"
    """Its turn in its lane."""
    TENANT_LIMIT = "tenant_limit"
    """As many of its tenant's jobs are in flight as may be."""
    RATE_LIMIT = "rate_limit"
    """A limit per minute: of the tenant's plan, or of the model."""
    BUDGET = "budget"
    SCHEDULE = "schedule"
    """Its run_at, or the pause before another attempt."""
    REVIEW = "review"
    NO_WORKER = "no_worker"
    """No worker takes its lane."""
    PAUSED = "paused"
    """An operator holds back its lane, its tenant or its model."""


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A queued job's place at one instant; ``None`` is what cannot be told.

    Attributes:
        ahead_in_flow: Jobs of the same tenant that go first in its lane.
        ahead_in_lane: All jobs of the lane that go first, by what is known now.
        estimated: The numbers are reckoned, not counted.
        low: Seconds until it starts, at best.
        high: Seconds until it starts, if nothing unusual happens.
        until: When what it waits for is over, if that is known.
    """

    ahead_in_flow: int | None = None
    ahead_in_lane: int | None = None
    estimated: bool = False
    low: float | None = None
    high: float | None = None
    until: datetime | None = None


class EtaView(Shape):
    """Seconds until the job starts; ``high`` is null where it has no known end."""

    low: float
    high: float | None


class QueueView(Shape):
    """A queued job's place, on ``GET /v1/jobs/{id}``.

    ``position`` 1 is next in the lane. ``estimated``: the numbers are reckoned, not counted.
    """

    position: int | None
    ahead_in_flow: int | None
    ahead_in_lane: int | None
    estimated: bool
    eta_seconds: EtaView | None
    waiting_until: str | None


def queue_view(place: QueuePlace, waiting_until: str | None) -> dict[str, Any]:
    """Return the JSON form of ``place``: exactly the fields of ``QueueView``."""
    ahead = place.ahead_in_lane
    eta = None if place.low is None else {"low": place.low, "high": place.high}
    return {
        "position": None if ahead is None else ahead + 1,
        "ahead_in_flow": place.ahead_in_flow,
        "ahead_in_lane": ahead,
        "estimated": place.estimated,
        "eta_seconds": eta,
        "waiting_until": waiting_until,
    }
