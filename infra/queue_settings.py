"""The settings of the queue itself: shares, limits, times, retries."""

from datetime import timedelta
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings

from schemas.generation import Kind
from schemas.lanes import DEFAULT_WEIGHTS, Lane

_HEAVIEST: Final = 1_000


def _plain_seconds(value: Any) -> Any:
    """Let ``12.5`` stand for seconds beside ISO 8601 (``PT12.5S``, ``P30D``)."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


# Any date that is reckoned with a duration must be a date.
_CENTURY: Final = timedelta(days=36_500)
Seconds = Annotated[
    timedelta, BeforeValidator(_plain_seconds), Field(gt=timedelta(0), le=_CENTURY)
]
Share = Annotated[float, Field(gt=0, le=1)]


class QueueSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    lane_weights: dict[Lane, int] = Field(
        default_factory=lambda: dict(DEFAULT_WEIGHTS), description="shares of the slots"
    )
    tenant_max_inflight: int = Field(1000, ge=1, description="of a new tenant, per lane")
    lane_caps: dict[Lane, Share] = Field(
        default_factory=dict[Lane, float],
        description="most of the slots a lane may use, 0 to 1",
    )
    lane_reserved: dict[Lane, Share] = Field(
        default_factory=dict[Lane, float], description="slots no other lane may use, 0 to 1"
    )
    release_ttl: Seconds = Field(timedelta(seconds=10), description="released, not started")
    session_ttl: Seconds = Field(timedelta(seconds=20), description="a silent worker's life")
    poll_interval: Seconds = Field(
        timedelta(milliseconds=250), description="without a doorbell"
    )
    max_attempts: int = Field(6, ge=1, le=100, description="failed attempts before giving up")
    max_lost: int = Field(3, ge=1, le=100, description="worker deaths before giving up")
    retry_base: Seconds = Field(timedelta(seconds=5), description="first back-off, doubled")
    retry_cap: Seconds = Field(timedelta(minutes=5), description="longest back-off")
    image_timeout: Seconds = Field(
        timedelta(minutes=15), description="wall time of an attempt at pictures"
    )
    chat_timeout: Seconds = Field(
        timedelta(minutes=15), description="wall time of an attempt at texts, or vectors"
    )
    default_deadline: Seconds = Field(
        timedelta(days=7), description="jobs without a deadline of their own expire"
    )
    cancel_grace: Seconds = Field(
        timedelta(seconds=10), description="a cancelled attempt may take to end"
    )
    gate_patience: Seconds = Field(
        timedelta(seconds=5), description="longest wait for a model's limit inside an attempt"
    )

    @model_validator(mode="after")
    def _fair(self) -> Self:
        if not all(1 <= weight <= _HEAVIEST for weight in self.lane_weights.values()):
            raise ValueError(
                f"lane_weights: every weight must be 1 to {_HEAVIEST}, or a lane starves"
            )
        if set(self.lane_weights) != set(Lane):
            raise ValueError(f"lane_weights: name all of {', '.join(Lane)}")
        if sum(self.lane_reserved.values()) > 1:
            raise ValueError("lane_reserved: together at most 1, or no slot is left to share")
        for lane, reserved in self.lane_reserved.items():
            if reserved > self.lane_caps.get(lane, 1):
                raise ValueError(f"lane_reserved: {lane} reserves more than its cap allows")
        return self

    def attempt_timeout(self, kind: Kind) -> timedelta:
        """Return the wall time of one attempt of ``kind``."""
        return self.image_timeout if kind.pictures else self.chat_timeout
