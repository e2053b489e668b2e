"""What a policy says of people: who is slowed down, who looks, how long what is kept."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.policy_spans import TimeSpan, written
from schemas.shape import Shape

_Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class StrikeWeights(Shape):
    """How much each event counts against who caused it."""

    model_config = _STRICT

    block: Annotated[int, Field(ge=0, le=100, strict=True)] = 1
    evasion: Annotated[int, Field(ge=0, le=100, strict=True)] = 3


class EscalationStep(Shape):
    """From so many strikes on, this happens with what the person sends."""

    model_config = _STRICT

    at: _Count
    do: Literal["slow_queue", "review_all", "suspend"]


class Escalation(Shape):
    """What follows of repeated blocks, and of attempts to get around them.

    Attributes:
        window: How long a strike counts.
    """

    model_config = _STRICT

    window: TimeSpan = Field(default="1h", validate_default=True)  # pyright: ignore[reportAssignmentType] - validated into a timedelta
    strikes: StrikeWeights = StrikeWeights()
    actions: Annotated[tuple[EscalationStep, ...], Field(max_length=10)] = (
        EscalationStep(at=5, do="slow_queue"),
        EscalationStep(at=10, do="review_all"),
        EscalationStep(at=20, do="suspend"),
    )


class SampleRates(Shape):
    """Which share of what went through is shown to a reviewer afterwards."""

    model_config = _STRICT

    allow: _Rate = 0.0
    flag: _Rate = 0.0


class Reviewing(Shape):
    """How people decide.

    Attributes:
        sla: How long an item may wait.
        on_timeout: What then; of a floor category always ``block``.
        second_reviewer: Categories that two people decide.
    """

    model_config = _STRICT

    sla: TimeSpan = Field(default="4h", validate_default=True)  # pyright: ignore[reportAssignmentType] - validated into a timedelta
    on_timeout: Literal["block", "allow"] = "block"
    sample: SampleRates = SampleRates()
    second_reviewer: Annotated[tuple[str, ...], Field(max_length=100)] = ()


class Retention(Shape):
    """How long what is kept of what was judged.

    Attributes:
        blocked_text: Sealed texts that were blocked.
        review_evidence: Sealed texts that people looked at.
        ip: Addresses.
        ceiling: The longest of anything.
        max_texts_per_subject_hour: Texts of one person kept per hour; of more, digests only.
    """

    model_config = _STRICT

    blocked_text: TimeSpan = Field(default="30d", validate_default=True)  # pyright: ignore[reportAssignmentType] - validated into a timedelta
    review_evidence: TimeSpan = Field(default="180d", validate_default=True)  # pyright: ignore[reportAssignmentType] - validated into a timedelta
    ip: TimeSpan = Field(default="30d", validate_default=True)  # pyright: ignore[reportAssignmentType] - validated into a timedelta
    ceiling: TimeSpan = Field(default="365d", validate_default=True)  # pyright: ignore[reportAssignmentType] - validated into a timedelta
    max_texts_per_subject_hour: Annotated[int, Field(ge=0, le=10_000, strict=True)] = 5

    @model_validator(mode="after")
    def _below_the_ceiling(self) -> Self:
        for name in ("blocked_text", "review_evidence", "ip"):
            if getattr(self, name) > self.ceiling:
                raise ValueError(f"{name} is longer than the ceiling, {written(self.ceiling)}")
        return self


class Marking(Shape):
    """How outputs say where they come from.

    Attributes:
        visible_label: ``tenant``: where the tenant wants one.
        watermark: Pixels are not changed; a watermark is not built.
    """

    model_config = _STRICT

    c2pa: bool = True
    xmp: bool = True
    watermark: bool = False
    registry: bool = True
    visible_label: Literal["tenant", "always", "never"] = "tenant"

    @model_validator(mode="after")
    def _no_watermark(self) -> Self:
        if self.watermark:
            raise ValueError("watermark: pixels are not changed; leave it off")
        return self
